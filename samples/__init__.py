"""The demo model, the clips, and the programs that made both."""
