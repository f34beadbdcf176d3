"""Calls without types, for services that still write their paths by hand; `millrace.aio` has a method for each."""

from millrace.transport.errors import ApiError as ApiError
from millrace.transport.requests import part as part
from millrace.transport.tokens import TokenFile as TokenFile
from millrace.untyped.transport import Api as Api
from millrace.untyped.transport import AsyncApi as AsyncApi
