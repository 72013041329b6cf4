"""What the routers beside this folder take from it; the work is done in guards."""

from .guards import keep_count as limit_of_kit
from .guards import no_limit as limit_in_name_only
from .guards import open_sky as sky_of_kit
from .guards import who as tenant_of_kit

__all__ = ["limit_in_name_only", "limit_of_kit", "sky_of_kit", "tenant_of_kit"]
