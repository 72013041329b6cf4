# expect: file.empty
# EnterpriseRateLimiter CacheManager invalidate tenant_id X-Tenant-ID Depends
# try except HTTPException logger.info circuit_breaker prometheus response_model
