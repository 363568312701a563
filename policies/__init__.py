"""Policies: what chooses the next action, be it by stated rules or by learning."""
