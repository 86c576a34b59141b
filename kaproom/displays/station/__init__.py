"""The nurse station: what it knows (ward), what it says (screen), the window (program).

It only reads, but for its own snapshot: which rooms it shows, and who took note of what.
"""
