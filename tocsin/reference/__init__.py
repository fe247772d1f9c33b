"""The reference pages of docs/reference, written from the registries and the code, so that they cannot go stale."""
