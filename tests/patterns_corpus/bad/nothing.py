# expect: file.empty
"""rate_limiter cache_manager tenant_id logger try: except: Depends(get_tenant_id)"""
