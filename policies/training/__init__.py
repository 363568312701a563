"""Training a policy: stages of PPO over any number of experts, resumable after a kill."""
