"""The console in the room: begins a session, shows it, and takes what people do and note.

A client that may die at any time: the room plays on, and the next one knows what this one did.
"""
