"""Tests of the wizard for profiles."""
