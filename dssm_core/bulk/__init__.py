"""Texts of any number: encoded into shards on disk, and a judged collection measured on them."""
