"""What people look at: what to say is decided apart from how it is drawn."""
