"""What the surfaces for other programs share: the desk that takes calls, the door that looks at who comes, the socket.

It knows neither MCP nor the paths of the REST surface, and holds no verdict.
"""
