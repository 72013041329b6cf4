"""What the surfaces for other programs share: the dispatcher of calls, access control, and the socket.

It knows neither MCP nor the paths of the REST surface, and judges nothing.
"""
