"""Reads routers as syntax trees and says what is missing, where, and how to mend it. It never runs what it reads."""
