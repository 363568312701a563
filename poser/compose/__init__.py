"""Composing: the LangGraph graph around the one transition, and what goes in and comes out."""
