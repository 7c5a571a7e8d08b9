"""The schema's history: one file a version, oldest first. A released version is never edited; a change is a new one."""
