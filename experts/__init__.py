"""Experts: the registry of image models, and the adapters that call them."""
