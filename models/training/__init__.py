"""How the shipped model was made, runnable again: the encoder from its package, the heads from the sets."""
