"""The session: pure rules. No clock, file, thread, socket or device is touched from here."""
