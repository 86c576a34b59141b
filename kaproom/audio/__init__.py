"""Sound: the processes of the player and of the output, and what they are made of."""
