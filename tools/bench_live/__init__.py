"""How well the app spots words of real people on the virtual board, and the tuning of its detector."""
