"""Training of the pocket models: one resumable loop, one module a kind of model."""
