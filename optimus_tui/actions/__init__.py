"""Everything that changes something: actions on Redis keys, and files of a project.

``service`` is the interface of the actions on Redis, which are in ``redis``; ``files`` writes files and undoes it;
``drafts`` checks and writes routers. No surface that answers on a network can import this room.
"""
