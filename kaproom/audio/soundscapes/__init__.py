"""The generated beds, one file each, and what they are made of.

A score says what sounds at an instant and knows nothing of samples; synthesis.py turns
that into samples; ``kaproom.audio.soundscape`` is the door for everybody else.
"""
