"""Tests of what names leave open, and of the profile that the answers make."""
