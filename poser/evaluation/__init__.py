"""How well policies compose: held-out prompts, an independent evaluator, the same terms for all."""
