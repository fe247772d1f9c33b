"""Rules: pure folds per brand that turn mentions into alerts, each with its reason, one kind per file."""
