"""The view store: what starts and models say of items, computed once and kept."""

from tithe.views.store import ViewStore, default_root

__all__ = ["ViewStore", "default_root"]
