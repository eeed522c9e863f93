# What is refused, input by input. Each run names the setting that is wrong, the guard that says so
# (`expect_failures`), and in its comment a piece of the sentence, which scripts/tests/aws/test_terraform.py compares.
# The same program takes all guards out of a copy and asserts that every input is then accepted: so none of these runs
# passes for another reason. Where Terraform or the provider would refuse it anyway, less kindly and often with the name
# of an attribute that nobody wrote, `# without it:` says with which words.
#
# Plans only, with the real provider against an emulated AWS: python3 scripts/local.py test, or by hand with
# AWS_ENDPOINT_URL set to a moto server.

variables {
  environment = "test"
}

# --- By a validation: wrong whatever the rest says ------------------------------------------------------------------

# says: Set it to test, staging or production
run "unknown_environment" {
  command = plan

  variables {
    environment = "prod"
  }

  expect_failures = [var.environment]
}

# says: write it like my-shop
# without it: only lowercase alphanumeric characters and hyphens allowed
run "project_with_capitals" {
  command = plan

  variables {
    project = "Shop"
  }

  expect_failures = [var.project]
}

# says: write it like my-shop
# without it: cannot contain two consecutive hyphens
run "project_with_double_hyphen" {
  command = plan

  variables {
    project = "my--shop"
  }

  expect_failures = [var.project]
}

# says: Shorten it to 24
run "project_too_long" {
  command = plan

  variables {
    project = "a-shop-with-a-rather-long-name"
  }

  expect_failures = [var.project]
}

# says: Name a region without the zone's letter
# without it: invalid AWS Region: eu-west-1a
run "region_with_zone_letter" {
  command = plan

  variables {
    region = "eu-west-1a"
  }

  expect_failures = [var.region]
}

# says: Write the 12 digits in quotes
# without it: AWS account ID not allowed
run "account_with_eleven_digits" {
  command = plan

  variables {
    allowed_account_ids = ["12345678901"]
  }

  expect_failures = [var.allowed_account_ids]
}

# says: Leave them out
run "own_environment_tag" {
  command = plan

  variables {
    tags = { Environment = "prod" }
  }

  expect_failures = [var.tags]
}

# says: Rename it
run "reserved_tag_prefix" {
  command = plan

  variables {
    tags = { "aws:owner" = "me" }
  }

  expect_failures = [var.tags]
}

# says: Keep at most 40
run "too_many_tags" {
  command = plan

  variables {
    tags = { for number in range(41) : "tag-${number}" => "x" }
  }

  expect_failures = [var.tags]
}

# says: Write an IPv4 range in CIDR notation
# without it: invalid CIDR address: 10.20.0.0
run "network_without_prefix" {
  command = plan

  variables {
    network = { cidr = "10.20.0.0" }
  }

  expect_failures = [var.network]
}

# says: Write an IPv4 range in CIDR notation
# without it: between 16 and 28 significant bits
run "network_of_ipv6" {
  command = plan

  variables {
    network = { cidr = "fd00::/48" }
  }

  expect_failures = [var.network]
}

# says: Begin it with 10.20.0.0
# without it: expected 10.20.0.0/16, got 10.20.1.0/16
run "network_with_host_bits" {
  command = plan

  variables {
    network = { cidr = "10.20.1.0/16" }
  }

  expect_failures = [var.network]
}

# says: Choose a prefix from /16
# without it: between 16 and 28 significant bits
run "network_too_large" {
  command = plan

  variables {
    network = { cidr = "10.0.0.0/8" }
  }

  expect_failures = [var.network]
}

# says: Choose a prefix from /16
run "network_too_small" {
  command = plan

  variables {
    network = { cidr = "10.20.0.0/24" }
  }

  expect_failures = [var.network]
}

# says: Choose it inside 10.0.0.0/8
run "network_of_public_addresses" {
  command = plan

  variables {
    network = { cidr = "52.20.0.0/16" }
  }

  expect_failures = [var.network]
}

# says: Write letters from a to f alone
# without it: The given key does not identify an element
run "zone_by_full_name" {
  command = plan

  variables {
    network = { availability_zones = ["eu-west-1a", "eu-west-1b"] }
  }

  expect_failures = [var.network]
}

# says: Name at least two, better three
run "one_zone" {
  command = plan

  variables {
    network = { availability_zones = ["a"] }
  }

  expect_failures = [var.network]
}

# says: Set network.availability_zones to letters out of: eu-west-1a, eu-west-1b, eu-west-1c
run "zone_the_region_lacks" {
  command = plan

  variables {
    network = { availability_zones = ["a", "f"] }
  }

  expect_failures = [data.aws_availability_zones.offered]
}

# says: Set it to none (the database needs none), single or per_az
# without it: The given key does not identify an element
run "unknown_nat" {
  command = plan

  variables {
    network = { nat = "one" }
  }

  expect_failures = [var.network]
}

# says: Set it to private, ssm or leased_public
run "unknown_access" {
  command = plan

  variables {
    access = "public"
  }

  expect_failures = [var.access]
}

# says: Write ids, like sg-0123456789abcdef0
run "client_group_by_name" {
  command = plan

  variables {
    clients = { security_group_ids = ["app"] }
  }

  expect_failures = [var.clients]
}

# says: Write CIDR notation, like 10.30.0.0/16
# without it: must be a valid IPv4 CIDR
run "client_without_prefix" {
  command = plan

  variables {
    clients = { cidrs = ["10.30.0.1/33"] }
  }

  expect_failures = [var.clients]
}

# says: Name ranges of peered networks only
run "client_from_anywhere" {
  command = plan

  variables {
    clients = { cidrs = ["0.0.0.0/0"] }
  }

  expect_failures = [var.clients]
}

# says: Name ranges of peered networks only
run "client_range_wider_than_private" {
  command = plan

  variables {
    clients = { cidrs = ["10.0.0.0/7"] }
  }

  expect_failures = [var.clients]
}

# says: Set it to rds or aurora
run "unknown_engine" {
  command = plan

  variables {
    engine = "postgres"
  }

  expect_failures = [var.engine]
}

# says: Write "18", or an exact minor
run "engine_version_in_words" {
  command = plan

  variables {
    engine_version = "18.x"
  }

  expect_failures = [var.engine_version]
}

# says: Set it to 18 or later
run "engine_version_without_uuidv7" {
  command = plan

  variables {
    engine_version = "17"
  }

  expect_failures = [var.engine_version]
}

# says: Write up to 63 lower-case letters
run "database_name_with_hyphen" {
  command = plan

  variables {
    database = { name = "my-shop" }
  }

  expect_failures = [var.database]
}

# says: Write up to 63 lower-case letters
run "database_name_too_long" {
  command = plan

  variables {
    database = { name = "a_shop_with_a_name_that_is_longer_than_postgresql_would_ever_keep" }
  }

  expect_failures = [var.database]
}

# says: Choose another, like shop
run "database_name_taken" {
  command = plan

  variables {
    database = { name = "postgres" }
  }

  expect_failures = [var.database]
}

# says: database.username is "shop-master"
run "username_with_hyphen" {
  command = plan

  variables {
    database = { username = "shop-master" }
  }

  expect_failures = [var.database]
}

# says: Choose another, like shop_master
run "username_reserved" {
  command = plan

  variables {
    database = { username = "rdsadmin" }
  }

  expect_failures = [var.database]
}

# says: Choose another, like shop_master
run "username_everybody_tries" {
  command = plan

  variables {
    database = { username = "postgres" }
  }

  expect_failures = [var.database]
}

# says: RDS listens on 1150 to 65535
run "port_below_what_rds_takes" {
  command = plan

  variables {
    database = { port = 1024 }
  }

  expect_failures = [var.database]
}

# says: Write it as RDS does
run "class_without_db" {
  command = plan

  variables {
    database = { instance_class = "t4g.medium" }
  }

  expect_failures = [var.database]
}

# says: Take a current one
run "class_retired" {
  command = plan

  variables {
    database = { instance_class = "db.m4.large" }
  }

  expect_failures = [var.database]
}

# says: rds-ca-2019 has expired
run "expired_certificate" {
  command = plan

  variables {
    database = { ca_certificate = "rds-ca-2019" }
  }

  expect_failures = [var.database]
}

# says: gp2, io1 and magnetic cost more for less
run "storage_type_of_old" {
  command = plan

  variables {
    storage = { type = "gp2" }
  }

  expect_failures = [var.storage]
}

# says: Write whole GiB
# without it: must be a whole number, got 20.5
run "storage_fraction" {
  command = plan

  variables {
    storage = { allocated_gib = 20.5 }
  }

  expect_failures = [var.storage]
}

# says: With gp3 RDS takes 20 to 65536 GiB
run "gp3_too_small" {
  command = plan

  variables {
    storage = { allocated_gib = 10 }
  }

  expect_failures = [var.storage]
}

# says: With io2 RDS takes 100 to 65536 GiB
run "io2_too_small" {
  command = plan

  variables {
    storage = { type = "io2", allocated_gib = 50, iops = 3000 }
  }

  expect_failures = [var.storage]
}

# says: set storage.allocated_gib to 400 or more
run "gp3_iops_at_100_gib" {
  command = plan

  variables {
    storage = { allocated_gib = 100, iops = 12000 }
  }

  expect_failures = [var.storage]
}

# says: set storage.allocated_gib to 400 or more
run "gp3_throughput_at_100_gib" {
  command = plan

  variables {
    storage = { allocated_gib = 100, throughput_mib_s = 500 }
  }

  expect_failures = [var.storage]
}

# says: 12000 (included) to 64000
run "gp3_iops_below_included" {
  command = plan

  variables {
    storage = { allocated_gib = 400, iops = 3000 }
  }

  expect_failures = [var.storage]
}

# says: 500 (included) to 4000
run "gp3_throughput_below_included" {
  command = plan

  variables {
    storage = { allocated_gib = 400, throughput_mib_s = 125 }
  }

  expect_failures = [var.storage]
}

# says: Raise storage.iops to 16000
run "gp3_throughput_above_quarter" {
  command = plan

  variables {
    storage = { allocated_gib = 400, throughput_mib_s = 4000 }
  }

  expect_failures = [var.storage]
}

# says: follows from its IOPS
run "io2_with_throughput" {
  command = plan

  variables {
    storage = { type = "io2", allocated_gib = 400, iops = 20000, throughput_mib_s = 500 }
  }

  expect_failures = [var.storage]
}

# says: 1000 to 256000
run "io2_without_iops" {
  command = plan

  variables {
    storage = { type = "io2", allocated_gib = 100 }
  }

  expect_failures = [var.storage]
}

# says: Set it to 126 or more
run "autoscaling_without_room" {
  command = plan

  variables {
    storage = { allocated_gib = 100, max_gib = 105 }
  }

  expect_failures = [var.storage]
}

# says: half ACUs up to 256
run "serverless_in_quarters" {
  command = plan

  variables {
    engine   = "aurora"
    database = { instance_class = "db.serverless", multi_az = false }
    aurora   = { serverless = { min_acu = 0.25, max_acu = 4 } }
  }

  expect_failures = [var.aurora]
}

# says: min_acu from 0 up to max_acu
run "serverless_upside_down" {
  command = plan

  variables {
    engine   = "aurora"
    database = { instance_class = "db.serverless", multi_az = false }
    aurora   = { serverless = { min_acu = 8, max_acu = 4 } }
  }

  expect_failures = [var.aurora]
}

# says: needs min_acu = 0
run "serverless_pause_without_zero" {
  command = plan

  variables {
    engine   = "aurora"
    database = { instance_class = "db.serverless", multi_az = false }
    aurora   = { serverless = { min_acu = 0.5, max_acu = 4, auto_pause_seconds = 600 } }
  }

  expect_failures = [var.aurora]
}

# says: Keep at most 15
run "sixteen_replicas" {
  command = plan

  variables {
    replicas = { for number in range(16) : "replica-${number}" => {} }
  }

  expect_failures = [var.replicas]
}

# says: like replica-1
# without it: only lowercase alphanumeric characters and hyphens allowed
run "replica_name_with_underscore" {
  command = plan

  variables {
    replicas = { replica_1 = {} }
  }

  expect_failures = [var.replicas]
}

# says: the name stays when the roles change
run "replica_named_primary" {
  command = plan

  variables {
    replicas = { primary = {} }
  }

  expect_failures = [var.replicas]
}

# says: or leave it out for the primary's
run "replica_class_without_db" {
  command = plan

  variables {
    replicas = { replica-1 = { instance_class = "large" } }
  }

  expect_failures = [var.replicas]
}

# says: Choose availability_zone out of
run "replica_in_zone_without_subnet" {
  command = plan

  variables {
    replicas = { replica-1 = { availability_zone = "d" } }
  }

  expect_failures = [var.replicas]
}

# says: change the primary's, and only minors here
run "replica_of_other_major" {
  command = plan

  variables {
    replicas = { replica-1 = { engine_version = "19.1" } }
  }

  expect_failures = [var.replicas]
}

# says: outside 0 to 15
run "replica_tier_too_high" {
  command = plan

  variables {
    engine   = "aurora"
    replicas = { replica-1 = { promotion_tier = 16 } }
  }

  expect_failures = [var.replicas]
}

# says: Leave it on
run "tls_switched_off" {
  command = plan

  variables {
    parameters = { "rds.force_ssl" = "0" }
  }

  expect_failures = [var.parameters]
}

# says: PostgreSQL 18 no longer takes
run "log_connections_as_before_18" {
  command = plan

  variables {
    parameters = { log_connections = "1" }
  }

  expect_failures = [var.parameters]
}

# says: Keep both and add yours behind them
run "libraries_without_statistics" {
  command = plan

  variables {
    parameters = { shared_preload_libraries = "pg_cron" }
  }

  expect_failures = [var.parameters]
}

# says: Write 16 to 99 characters
run "password_too_short" {
  command = plan

  variables {
    db_password = "short"
  }

  expect_failures = [var.db_password]
}

# says: a character RDS refuses
run "password_with_at_sign" {
  command = plan

  variables {
    db_password = "correct@horse@battery"
  }

  expect_failures = [var.db_password]
}

# says: a whole number from 1 on
run "password_version_zero" {
  command = plan

  variables {
    master_password_version = 0
  }

  expect_failures = [var.master_password_version]
}

# says: not an alias
run "key_by_alias" {
  command = plan

  variables {
    encryption = { kms_key_arn = "arn:aws:kms:eu-west-1:123456789012:alias/shop" }
  }

  expect_failures = [var.encryption]
}

# says: RDS encrypts with keys of its own region only
run "key_of_other_region" {
  command = plan

  variables {
    encryption = { kms_key_arn = "arn:aws:kms:us-east-1:123456789012:key/11111111-1111-1111-1111-111111111111" }
  }

  expect_failures = [var.encryption]
}

# says: KMS takes 7 to 30
# without it: expected deletion_window_in_days to be in the range
run "key_deleted_at_once" {
  command = plan

  variables {
    encryption = { deletion_window_days = 1 }
  }

  expect_failures = [var.encryption]
}

# says: RDS keeps 1 to 35 days
# without it: expected backup_retention_period to be in the range
run "retention_too_long" {
  command = plan

  variables {
    backup = { retention_days = 90 }
  }

  expect_failures = [var.backup]
}

# says: Write UTC times like 02:00-03:00
# without it: must satisfy the format of
run "backup_window_with_days" {
  command = plan

  variables {
    backup = { window = "sun:02:00-sun:03:00" }
  }

  expect_failures = [var.backup]
}

# says: Write days and UTC times
# without it: must satisfy the format of
run "maintenance_window_without_days" {
  command = plan

  variables {
    maintenance = { window = "03:30-04:30" }
  }

  expect_failures = [var.maintenance]
}

# says: 7 to 30, or 0
# without it: expected recovery_window_in_days
run "secret_recovery_too_short" {
  command = plan

  variables {
    protection = { secret_recovery_days = 3 }
  }

  expect_failures = [var.protection]
}

# says: Set it to standard or advanced
# without it: expected database_insights_mode to be one of
run "unknown_insights" {
  command = plan

  variables {
    insights = { mode = "full" }
  }

  expect_failures = [var.insights]
}

# says: write 465 or choose standard
run "advanced_insights_for_a_week" {
  command = plan

  variables {
    insights = { mode = "advanced" }
  }

  expect_failures = [var.insights]
}

# says: multiples of 31
# without it: expected performance_insights_retention_period
run "insights_for_thirty_days" {
  command = plan

  variables {
    insights = { retention_days = 30 }
  }

  expect_failures = [var.insights]
}

# says: Set it to 1, 5, 10, 15, 30 or 60 seconds
# without it: expected monitoring_interval to be one of
run "monitoring_every_two_seconds" {
  command = plan

  variables {
    insights = { monitoring_interval_seconds = 2 }
  }

  expect_failures = [var.insights]
}

# says: write the next larger
# without it: expected retention_in_days to be one of
run "logs_for_a_hundred_days" {
  command = plan

  variables {
    logs = { retention_days = 100 }
  }

  expect_failures = [var.logs]
}

# says: without wildcards
# without it: invalid value for name
run "login_with_wildcard" {
  command = plan

  variables {
    iam_logins = ["shop_*"]
  }

  expect_failures = [var.iam_logins]
}

# says: the master loses its password login
run "login_of_the_master" {
  command = plan

  variables {
    iam_logins = ["shop_master"]
  }

  expect_failures = [var.iam_logins]
}

# says: Write them apart and without wildcards
run "github_in_one_word" {
  command = plan

  variables {
    github = { owner = "acme/shop", repository = "shop" }
  }

  expect_failures = [var.github]
}

# says: Write them apart and without wildcards
run "github_any_repository" {
  command = plan

  variables {
    github = { owner = "acme", repository = "*" }
  }

  expect_failures = [var.github]
}

# says: Give both
# without it: Cannot include a null value in a string template
run "github_with_half_the_ids" {
  command = plan

  variables {
    github = { owner = "acme", repository = "shop", owner_id = "1" }
  }

  expect_failures = [var.github]
}

# says: Write the digits in quotes
run "github_id_in_letters" {
  command = plan

  variables {
    github = { owner = "acme", repository = "shop", owner_id = "acme", repository_id = "2" }
  }

  expect_failures = [var.github]
}

# says: is not GitHub's provider
run "github_other_provider" {
  command = plan

  variables {
    github = { owner = "acme", repository = "shop", oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/gitlab.com" }
  }

  expect_failures = [var.github]
}

# says: github.login is no login of its own
run "github_as_the_master" {
  command = plan

  variables {
    github = { owner = "acme", repository = "shop", login = "shop_master" }
  }

  expect_failures = [var.github]
}

# --- By a guard: wrong together, or in this environment -------------------------------------------------------------

# says: RDS makes read replicas out of automated backups
run "replicas_without_backups" {
  command = plan

  variables {
    backup   = { retention_days = 0 }
    replicas = { replica-1 = {} }
  }

  expect_failures = [terraform_data.guards]
}

# says: RDS upgrades a minor on replicas before their source
run "primary_overtakes_its_replica" {
  command = plan

  variables {
    engine_version = "18.2"
    replicas       = { replica-1 = { engine_version = "18.1" } }
  }

  expect_failures = [terraform_data.guards]
}

# says: apply with the primary's old one first
run "minor_for_all_at_once" {
  command = plan

  variables {
    engine_version = "18.2"
    replicas       = { replica-1 = {} }
  }

  expect_failures = [terraform_data.guards]
}

# says: RDS chooses the zones of a Multi-AZ instance
run "multi_az_replica_in_one_zone" {
  command = plan

  variables {
    replicas = { replica-1 = { multi_az = true, availability_zone = "a" } }
  }

  expect_failures = [terraform_data.guards]
}

# says: a replica is promoted by hand
run "promotion_tier_on_rds" {
  command = plan

  variables {
    replicas = { replica-1 = { promotion_tier = 1 } }
  }

  expect_failures = [terraform_data.guards]
}

# says: Leave storage out
run "aurora_with_disk" {
  command = plan

  variables {
    engine   = "aurora"
    replicas = { replica-1 = {} }
    storage  = { allocated_gib = 100 }
  }

  expect_failures = [terraform_data.guards]
}

# says: Leave storage out
run "aurora_with_iops" {
  command = plan

  variables {
    engine   = "aurora"
    replicas = { replica-1 = {} }
    storage  = { type = "io2", allocated_gib = 100, iops = 3000 }
  }

  expect_failures = [terraform_data.guards]
}

# says: a cluster has one version
run "aurora_replica_with_version" {
  command = plan

  variables {
    engine   = "aurora"
    replicas = { replica-1 = { engine_version = "18.1" } }
  }

  expect_failures = [terraform_data.guards]
}

# says: an Aurora replica is itself what takes over
run "aurora_replica_with_standby" {
  command = plan

  variables {
    engine   = "aurora"
    replicas = { replica-1 = { multi_az = true } }
  }

  expect_failures = [terraform_data.guards]
}

# says: Name one in replicas
run "aurora_without_anybody_to_take_over" {
  command = plan

  variables {
    engine = "aurora"
  }

  expect_failures = [terraform_data.guards]
}

# says: is not made for Aurora
run "aurora_on_general_purpose_class" {
  command = plan

  variables {
    engine   = "aurora"
    database = { instance_class = "db.m7g.large", multi_az = false }
  }

  expect_failures = [terraform_data.guards]
}

# says: instance_class is db.serverless with engine rds
run "serverless_on_rds" {
  command = plan

  variables {
    database = { instance_class = "db.serverless" }
  }

  expect_failures = [terraform_data.guards]
}

# says: or set engine = "aurora"
run "aurora_settings_on_rds" {
  command = plan

  variables {
    aurora = { io_optimized = true }
  }

  expect_failures = [terraform_data.guards]
}

# says: with min_acu and max_acu, or neither
run "serverless_class_without_capacity" {
  command = plan

  variables {
    engine   = "aurora"
    database = { instance_class = "db.serverless", multi_az = false }
  }

  expect_failures = [terraform_data.guards]
}

# says: with min_acu and max_acu, or neither
run "capacity_without_serverless_class" {
  command = plan

  variables {
    engine   = "aurora"
    database = { multi_az = false }
    aurora   = { serverless = { min_acu = 1, max_acu = 4 } }
  }

  expect_failures = [terraform_data.guards]
}

# says: Aurora cannot switch backups off
run "aurora_without_backups" {
  command = plan

  variables {
    engine   = "aurora"
    database = { multi_az = false }
    backup   = { retention_days = 0 }
  }

  expect_failures = [terraform_data.guards]
}

# says: RDS wants 30 or more
run "backup_window_too_short" {
  command = plan

  variables {
    backup = { window = "02:00-02:15" }
  }

  expect_failures = [terraform_data.guards]
}

# says: RDS wants 30 minutes to 24 hours
run "maintenance_window_too_short" {
  command = plan

  variables {
    maintenance = { window = "sun:03:30-sun:03:45" }
  }

  expect_failures = [terraform_data.guards]
}

# says: RDS wants 30 minutes to 24 hours
run "maintenance_window_too_long" {
  command = plan

  variables {
    maintenance = { window = "sun:03:30-tue:03:45" }
  }

  expect_failures = [terraform_data.guards]
}

# says: overlaps maintenance.window
run "windows_overlap" {
  command = plan

  variables {
    backup = { window = "03:00-04:00" }
  }

  expect_failures = [terraform_data.guards]
}

# says: overlaps maintenance.window
run "windows_overlap_over_midnight" {
  command = plan

  variables {
    backup      = { window = "23:30-00:30" }
    maintenance = { window = "sun:00:00-sun:01:00" }
  }

  expect_failures = [terraform_data.guards]
}

# says: Add it to parameters.tf
run "unknown_parameter" {
  command = plan

  variables {
    parameters = { work_mem = "65536" }
  }

  expect_failures = [terraform_data.guards]
}

# says: protection.deletion_protection is false in production
run "production_without_deletion_protection" {
  command = plan

  variables {
    environment = "production"
    protection  = { deletion_protection = false }
  }

  expect_failures = [terraform_data.guards]
}

# says: what remains of the shop after a destroy
run "production_without_final_snapshot" {
  command = plan

  variables {
    environment = "production"
    protection  = { final_snapshot = false }
  }

  expect_failures = [terraform_data.guards]
}

# says: point-in-time recovery then works after a deletion
run "production_that_deletes_its_backups" {
  command = plan

  variables {
    environment = "production"
    protection  = { delete_automated_backups = true }
  }

  expect_failures = [terraform_data.guards]
}

# says: a deleted password could not be had back
run "production_without_secret_recovery" {
  command = plan

  variables {
    environment = "production"
    protection  = { secret_recovery_days = 0 }
  }

  expect_failures = [terraform_data.guards]
}

# says: with one zone its failure stops the shop
run "production_in_one_zone" {
  command = plan

  variables {
    environment = "production"
    database    = { multi_az = false }
  }

  expect_failures = [terraform_data.guards]
}

# says: an error found after a weekend
run "production_with_short_backups" {
  command = plan

  variables {
    environment = "production"
    backup      = { retention_days = 3 }
  }

  expect_failures = [terraform_data.guards]
}

# says: a production database has no public endpoint
run "public_production" {
  command = plan

  variables {
    environment = "production"
    access      = "leased_public"
  }

  expect_failures = [terraform_data.guards]
}

# says: memory and processes are seen in no other way
run "production_without_monitoring" {
  command = plan

  variables {
    environment = "production"
    insights    = { monitoring_interval_seconds = 0 }
  }

  expect_failures = [terraform_data.guards]
}

# says: audits ask for a year
run "production_with_short_logs" {
  command = plan

  variables {
    environment = "production"
    logs        = { retention_days = 30 }
  }

  expect_failures = [terraform_data.guards]
}
