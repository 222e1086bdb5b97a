-- VERSION is the hash of this text: two versions live side by side in a rolling upgrade, none replaces the other.
redis.register_function('simulcast_publish_' .. VERSION, publish)
redis.register_function('simulcast_where_' .. VERSION, where)
redis.register_function('simulcast_snapshot_' .. VERSION, snapshot)
redis.register_function('simulcast_submit_' .. VERSION, submit)
redis.register_function('simulcast_claim_' .. VERSION, claim)
redis.register_function('simulcast_renew_' .. VERSION, renew)
redis.register_function('simulcast_report_' .. VERSION, report)
redis.register_function('simulcast_command_' .. VERSION, command)
