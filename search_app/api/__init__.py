"""The search for programs: version 1, under /api/v1/. Contract: docs/api.md, and the OpenAPI page /api/v1/docs.

The endpoints only read and write JSON; what they answer is worked out by the same modules as the pages' answers.
"""
