"""The contract that dashboards are written against: topics, payloads, staleness.

``payload`` holds the models that build every message, ``topics`` where it goes,
``subscriber`` how one is read; ``schemas/`` holds the JSON Schemas and the AsyncAPI
document that ``documents`` makes from them. README.md tells it to a dashboard's author.
"""
