"""The Markov decision process: actions, state, transition and reward, all pure functions."""
