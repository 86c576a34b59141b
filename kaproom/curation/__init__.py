"""For therapists: measure, sort and check the music before a session."""
