"""Erasure of persons and conversations: who was erased, what is deleted, and what is left out."""
