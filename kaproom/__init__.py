"""kaproom: the controller of a ketamine-assisted psychotherapy room.

It plays audio and records times. It is not a medical device: it does not monitor
patients, control or advise on drug delivery, or replace clinical observation.
"""

__version__ = "0.1.0"
