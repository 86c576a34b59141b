"""What each event makes of a session, by theme. machine.step() is the way in."""
