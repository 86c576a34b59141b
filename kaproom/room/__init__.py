"""The daemon of a room: one loop that gathers events, steps the session and acts."""
