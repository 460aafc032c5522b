"""Draws small surveillance scenes with their captions; see `sampler` for random ones."""
