# Everything one can ask for. A validation here refuses what AWS can never accept, whatever the rest says; rules that
# depend on the environment, or that a teardown must be able to pass, are preconditions in guards.tf: a validation
# would refuse `terraform destroy` as well.

# --- Where and what ---------------------------------------------------------------------------------------------------

variable "environment" {
  description = "What this database is for. `production` switches on guards that nothing but a teardown passes."
  type        = string
  nullable    = false

  validation {
    condition     = contains(["test", "staging", "production"], var.environment)
    error_message = "environment is \"${var.environment}\". Set it to test, staging or production."
  }
}

variable "project" {
  description = "First part of every name: <project>-<environment>."
  type        = string
  nullable    = false
  default     = "shop"

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.project))
    error_message = "project is \"${var.project}\". RDS takes lower-case letters, digits and single hyphens, a letter first and no hyphen last: write it like my-shop."
  }

  validation {
    condition     = length(var.project) <= 24
    error_message = "project has ${length(var.project)} characters. Shorten it to 24: names made of it, such as <project>-production-<replica>, must fit RDS's 63 and IAM's 64."
  }
}

variable "region" {
  description = "AWS region."
  type        = string
  nullable    = false
  default     = "eu-west-1"

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is \"${var.region}\". Name a region without the zone's letter, like eu-west-1."
  }
}

variable "allowed_account_ids" {
  description = "Accounts that this may be applied to; empty allows any. A guard against the wrong profile."
  type        = list(string)
  nullable    = false
  default     = []

  validation {
    condition     = alltrue([for id in var.allowed_account_ids : can(regex("^[0-9]{12}$", id))])
    error_message = "allowed_account_ids holds something that is no account. Write the 12 digits in quotes, leading zeros included."
  }
}

variable "tags" {
  description = "Tags on every resource, beside Project, Environment and ManagedBy."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.tags), ["Project", "Environment", "ManagedBy"])) == 0
    error_message = "tags sets Project, Environment or ManagedBy. Leave them out: they follow from project and environment, and cost reports rely on that."
  }

  validation {
    condition     = length(var.tags) <= 40
    error_message = "tags has ${length(var.tags)} entries. Keep at most 40: AWS allows 50, and this stack adds its own."
  }

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:")])
    error_message = "tags has a key that begins with aws:. Rename it: AWS keeps that prefix for itself."
  }
}

variable "teardown" {
  description = "Set by the destroyer alone, in the apply before its destroy: switches deletion protection off and passes the guards that stand in the way."
  type        = bool
  nullable    = false
  default     = false
}

# --- Network and access -----------------------------------------------------------------------------------------------

variable "network" {
  description = "The VPC. `availability_zones` are letters: eu-west-1a is a. `nat`: none, single or per_az, for application subnets."
  type = object({
    cidr               = optional(string, "10.20.0.0/16")
    availability_zones = optional(set(string), ["a", "b", "c"])
    nat                = optional(string, "none")
  })
  nullable = false
  default  = {}

  validation {
    condition     = can(cidrhost(var.network.cidr, 0)) && !strcontains(var.network.cidr, ":")
    error_message = "network.cidr is \"${var.network.cidr}\". Write an IPv4 range in CIDR notation, like 10.20.0.0/16."
  }

  validation {
    condition     = try(cidrhost(var.network.cidr, 0) == split("/", var.network.cidr)[0], true)
    error_message = "network.cidr \"${var.network.cidr}\" has bits set behind its prefix. Begin it with ${try(cidrhost(var.network.cidr, 0), "the network's first address")}."
  }

  validation {
    condition     = try(tonumber(split("/", var.network.cidr)[1]) >= 16 && tonumber(split("/", var.network.cidr)[1]) <= 20, true)
    error_message = "network.cidr \"${var.network.cidr}\" has a size that does not work. Choose a prefix from /16 (largest VPC) to /20 (its database subnets are /28, the smallest)."
  }

  validation {
    condition     = try(anytrue([for range in ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"] : cidrhost("${split("/", var.network.cidr)[0]}/${split("/", range)[1]}", 0) == split("/", range)[0]]), true)
    error_message = "network.cidr \"${var.network.cidr}\" is not private. Choose it inside 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16: routes to public addresses would be lost."
  }

  validation {
    condition     = alltrue([for letter in var.network.availability_zones : can(regex("^[a-f]$", letter))])
    error_message = "network.availability_zones is ${jsonencode(var.network.availability_zones)}. Write letters from a to f alone: \"a\" is ${var.region}a."
  }

  validation {
    condition     = length(var.network.availability_zones) >= 2
    error_message = "network.availability_zones names ${length(var.network.availability_zones)} zone. Name at least two, better three: RDS makes no subnet group in one zone, and Multi-AZ has nowhere to go."
  }

  validation {
    condition     = contains(["none", "single", "per_az"], var.network.nat)
    error_message = "network.nat is \"${var.network.nat}\". Set it to none (the database needs none), single or per_az."
  }
}

variable "access" {
  description = "How people and CI reach the database: private (from inside the VPC), ssm (a tunnel through a host without ingress) or leased_public (a public endpoint behind a security group that is empty but for leases of minutes)."
  type        = string
  nullable    = false
  default     = "private"

  validation {
    condition     = contains(["private", "ssm", "leased_public"], var.access)
    error_message = "access is \"${var.access}\". Set it to private, ssm or leased_public."
  }
}

variable "clients" {
  description = "Who else may connect, beside members of the security group `clients`: groups of this VPC, private ranges of peered networks."
  type = object({
    security_group_ids = optional(set(string), [])
    cidrs              = optional(set(string), [])
  })
  nullable = false
  default  = {}

  validation {
    condition     = alltrue([for id in var.clients.security_group_ids : can(regex("^sg-[0-9a-f]{8,17}$", id))])
    error_message = "clients.security_group_ids holds something that is no security group. Write ids, like sg-0123456789abcdef0."
  }

  validation {
    condition     = alltrue([for cidr in var.clients.cidrs : can(cidrhost(cidr, 0))])
    error_message = "clients.cidrs holds something that is no range. Write CIDR notation, like 10.30.0.0/16."
  }

  validation {
    condition = alltrue([
      for cidr in var.clients.cidrs : anytrue([
        for range in ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"] :
        try(cidrhost("${split("/", cidr)[0]}/${split("/", range)[1]}", 0) == split("/", range)[0] && tonumber(split("/", cidr)[1]) >= tonumber(split("/", range)[1]), !can(cidrhost(cidr, 0)))
      ])
    ])
    error_message = "clients.cidrs holds a range that is not private. Name ranges of peered networks only; from the internet use access = \"ssm\", or leased_public in a test environment."
  }
}

# --- The database -----------------------------------------------------------------------------------------------------

variable "engine" {
  description = "rds (PostgreSQL, one machine and a standby) or aurora (Aurora PostgreSQL). Same schema, same outputs."
  type        = string
  nullable    = false
  default     = "rds"

  validation {
    condition     = contains(["rds", "aurora"], var.engine)
    error_message = "engine is \"${var.engine}\". Set it to rds or aurora."
  }
}

variable "engine_version" {
  description = "Major version, or an exact minor while one is being rolled out (replicas first)."
  type        = string
  nullable    = false
  default     = "18"

  validation {
    condition     = can(regex("^[0-9]+(\\.[0-9]+)?$", var.engine_version))
    error_message = "engine_version is \"${var.engine_version}\". Write \"18\", or an exact minor like \"18.3\" during an upgrade."
  }

  validation {
    condition     = try(tonumber(split(".", var.engine_version)[0]) >= 18, true)
    error_message = "engine_version is \"${var.engine_version}\". Set it to 18 or later: the schema uses uuidv7() and other features of PostgreSQL 18."
  }
}

variable "database" {
  description = "The instance: the machine, the first database in it and its master login."
  type = object({
    name           = optional(string, "shop")
    username       = optional(string, "shop_master")
    port           = optional(number, 5432)
    instance_class = optional(string, "db.t4g.medium")
    multi_az       = optional(bool, true)
    ca_certificate = optional(string, "rds-ca-rsa2048-g1")
  })
  nullable = false
  default  = {}

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.database.name))
    error_message = "database.name is \"${var.database.name}\". Write up to 63 lower-case letters, digits and underscores, a letter first."
  }

  validation {
    condition     = !contains(["postgres", "template0", "template1", "rdsadmin"], var.database.name)
    error_message = "database.name \"${var.database.name}\" exists on every server. Choose another, like shop."
  }

  validation {
    condition     = can(regex("^[a-z][a-z0-9_]{0,62}$", var.database.username))
    error_message = "database.username is \"${var.database.username}\". Write up to 63 lower-case letters, digits and underscores, a letter first."
  }

  validation {
    condition     = !contains(["admin", "administrator", "master", "postgres", "public", "rdsadmin", "root", "user"], var.database.username) && !startswith(var.database.username, "pg_") && !startswith(var.database.username, "rds")
    error_message = "database.username \"${var.database.username}\" is reserved, or the first that an attacker tries. Choose another, like shop_master."
  }

  validation {
    condition     = var.database.port >= 1150 && var.database.port <= 65535 && floor(var.database.port) == var.database.port
    error_message = "database.port is ${var.database.port}. RDS listens on 1150 to 65535; 5432 is PostgreSQL's."
  }

  validation {
    condition     = can(regex("^db\\.([a-z0-9-]+\\.[a-z0-9-]+|serverless)$", var.database.instance_class))
    error_message = "database.instance_class is \"${var.database.instance_class}\". Write it as RDS does, like db.t4g.medium or db.r8g.large."
  }

  validation {
    condition     = !can(regex("^db\\.(t[12]|m[1-4]|r[34])\\.", var.database.instance_class))
    error_message = "database.instance_class \"${var.database.instance_class}\" is of a generation that RDS has retired. Take a current one: db.t4g, db.m7g, db.r8g."
  }

  validation {
    condition     = can(regex("^rds-ca-(rsa2048|rsa4096|ecc384)-g[1-9]$", var.database.ca_certificate))
    error_message = "database.ca_certificate is \"${var.database.ca_certificate}\". Set it to rds-ca-rsa2048-g1, rds-ca-rsa4096-g1 or rds-ca-ecc384-g1: clients check it with sslmode=verify-full, and rds-ca-2019 has expired."
  }
}

variable "storage" {
  description = "Disk of engine rds. `max_gib` is where autoscaling ends; gp3 has 3000 IOPS and 125 MiB/s below 400 GiB, and 12000 and 500 from there on, where both can be raised. Aurora has no disk to size: leave it out."
  type = object({
    type             = optional(string)
    allocated_gib    = optional(number)
    max_gib          = optional(number)
    iops             = optional(number)
    throughput_mib_s = optional(number)
  })
  nullable = false
  default  = {}

  validation {
    condition     = contains(["gp3", "io2"], coalesce(var.storage.type, "gp3"))
    error_message = "storage.type is \"${coalesce(var.storage.type, "gp3")}\". Set it to gp3, or io2 for latency that must not vary: gp2, io1 and magnetic cost more for less."
  }

  validation {
    condition     = alltrue([for size in [var.storage.allocated_gib, var.storage.max_gib, var.storage.iops, var.storage.throughput_mib_s] : size == null ? true : floor(size) == size])
    error_message = "storage holds a fraction. Write whole GiB, IOPS and MiB/s."
  }

  validation {
    condition     = coalesce(var.storage.type, "gp3") != "gp3" ? true : coalesce(var.storage.allocated_gib, 20) >= 20 && coalesce(var.storage.allocated_gib, 20) <= 65536
    error_message = "storage.allocated_gib is ${coalesce(var.storage.allocated_gib, 20)}. With gp3 RDS takes 20 to 65536 GiB."
  }

  validation {
    condition     = coalesce(var.storage.type, "gp3") != "io2" ? true : coalesce(var.storage.allocated_gib, 20) >= 100 && coalesce(var.storage.allocated_gib, 20) <= 65536
    error_message = "storage.allocated_gib is ${coalesce(var.storage.allocated_gib, 20)}. With io2 RDS takes 100 to 65536 GiB."
  }

  validation {
    condition     = coalesce(var.storage.type, "gp3") != "gp3" || coalesce(var.storage.allocated_gib, 20) >= 400 ? true : var.storage.iops == null && var.storage.throughput_mib_s == null
    error_message = "storage.iops or storage.throughput_mib_s is set for gp3 below 400 GiB, where RDS refuses both. Leave them out (3000 IOPS and 125 MiB/s are included), or set storage.allocated_gib to 400 or more."
  }

  validation {
    condition     = coalesce(var.storage.type, "gp3") != "gp3" || coalesce(var.storage.allocated_gib, 20) < 400 || var.storage.iops == null ? true : var.storage.iops >= 12000 && var.storage.iops <= 64000
    error_message = "storage.iops is ${coalesce(var.storage.iops, 0)}. gp3 from 400 GiB on takes 12000 (included) to 64000; leave it out for what is included."
  }

  validation {
    condition     = coalesce(var.storage.type, "gp3") != "gp3" || coalesce(var.storage.allocated_gib, 20) < 400 || var.storage.throughput_mib_s == null ? true : var.storage.throughput_mib_s >= 500 && var.storage.throughput_mib_s <= 4000
    error_message = "storage.throughput_mib_s is ${coalesce(var.storage.throughput_mib_s, 0)}. gp3 from 400 GiB on takes 500 (included) to 4000; leave it out for what is included."
  }

  validation {
    condition     = var.storage.throughput_mib_s == null ? true : var.storage.throughput_mib_s <= coalesce(var.storage.iops, 12000) / 4
    error_message = "storage.throughput_mib_s is more than a quarter of the IOPS. Raise storage.iops to ${4 * coalesce(var.storage.throughput_mib_s, 0)}, or lower the throughput to ${floor(coalesce(var.storage.iops, 12000) / 4)}."
  }

  validation {
    condition     = var.storage.throughput_mib_s == null || coalesce(var.storage.type, "gp3") == "gp3"
    error_message = "storage.throughput_mib_s is set for io2. Leave it out: the throughput of io2 follows from its IOPS."
  }

  validation {
    condition     = coalesce(var.storage.type, "gp3") != "io2" ? true : coalesce(var.storage.iops, 0) >= 1000 && coalesce(var.storage.iops, 0) <= min(256000, 1000 * coalesce(var.storage.allocated_gib, 20))
    error_message = "storage.iops is ${coalesce(var.storage.iops, 0)}. Set it for io2: 1000 to 256000, and at most 1000 for each GiB."
  }

  validation {
    condition     = var.storage.max_gib == null ? true : var.storage.max_gib >= ceil(coalesce(var.storage.allocated_gib, 20) * 1.1) && var.storage.max_gib <= 65536
    error_message = "storage.max_gib is ${coalesce(var.storage.max_gib, 0)}. Set it to ${ceil(coalesce(var.storage.allocated_gib, 20) * 1.26)} or more, at most 65536: autoscaling needs 10 % above the allocated size, and RDS warns below 26 %."
  }
}

variable "aurora" {
  description = "What only Aurora has. `serverless` goes with instance_class db.serverless; an ACU is about 2 GiB of memory. `io_optimized` trades a higher price for free I/O."
  type = object({
    io_optimized = optional(bool, false)
    serverless = optional(object({
      min_acu            = number
      max_acu            = number
      auto_pause_seconds = optional(number)
    }))
  })
  nullable = false
  default  = {}

  validation {
    condition     = var.aurora.serverless == null ? true : alltrue([for acu in [var.aurora.serverless.min_acu, var.aurora.serverless.max_acu] : floor(acu * 2) == acu * 2 && acu <= 256])
    error_message = "aurora.serverless counts in half ACUs up to 256. Write min_acu and max_acu like 0.5, 1 or 16."
  }

  validation {
    condition     = var.aurora.serverless == null ? true : var.aurora.serverless.min_acu >= 0 && var.aurora.serverless.max_acu >= 1 && var.aurora.serverless.max_acu >= var.aurora.serverless.min_acu
    error_message = "aurora.serverless has no room to scale. Set max_acu to 1 or more, and min_acu from 0 up to max_acu."
  }

  validation {
    condition     = try(var.aurora.serverless.auto_pause_seconds, null) == null ? true : var.aurora.serverless.min_acu == 0 && var.aurora.serverless.auto_pause_seconds >= 300 && var.aurora.serverless.auto_pause_seconds <= 86400
    error_message = "aurora.serverless.auto_pause_seconds needs min_acu = 0 and 300 to 86400 seconds. Set both so, or leave it out."
  }
}

variable "replicas" {
  description = "Readers by name: <project>-<environment>-<name>. What is left out is the primary's. `engine_version`, `multi_az`: engine rds only; `promotion_tier`: Aurora only."
  type = map(object({
    instance_class    = optional(string)
    engine_version    = optional(string)
    multi_az          = optional(bool)
    availability_zone = optional(string)
    promotion_tier    = optional(number)
  }))
  nullable = false
  default  = {}

  validation {
    condition     = length(var.replicas) <= 15
    error_message = "replicas has ${length(var.replicas)} entries. Keep at most 15, which is what RDS and Aurora allow."
  }

  validation {
    condition     = alltrue([for name in keys(var.replicas) : can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", name)) && length(name) <= 24])
    error_message = "replicas has a name that RDS would refuse as part of an identifier. Write up to 24 lower-case letters, digits and single hyphens, a letter first, like replica-1."
  }

  validation {
    condition     = length(setintersection(keys(var.replicas), ["primary", "writer", "final"])) == 0
    error_message = "replicas uses primary, writer or final as a name. Choose another: the name stays when the roles change in a failover."
  }

  validation {
    condition     = alltrue([for replica in values(var.replicas) : replica.instance_class == null ? true : can(regex("^db\\.([a-z0-9-]+\\.[a-z0-9-]+|serverless)$", replica.instance_class))])
    error_message = "replicas has an instance_class that is none. Write it as RDS does, like db.r8g.large, or leave it out for the primary's."
  }

  validation {
    condition     = alltrue([for replica in values(var.replicas) : replica.availability_zone == null ? true : contains(var.network.availability_zones, replica.availability_zone)])
    error_message = "replicas puts one into a zone without subnet. Choose availability_zone out of network.availability_zones (${join(", ", var.network.availability_zones)}), or leave it out."
  }

  validation {
    condition     = alltrue([for replica in values(var.replicas) : replica.engine_version == null ? true : can(regex("^[0-9]+(\\.[0-9]+)?$", replica.engine_version)) && split(".", replica.engine_version)[0] == split(".", var.engine_version)[0]])
    error_message = "replicas has an engine_version of another major than ${var.engine_version}. RDS upgrades replicas in the region to a new major together with the primary: change the primary's, and only minors here."
  }

  validation {
    condition     = alltrue([for replica in values(var.replicas) : replica.promotion_tier == null ? true : contains(range(16), replica.promotion_tier)])
    error_message = "replicas has a promotion_tier outside 0 to 15. 0 and 1 are promoted first."
  }
}

variable "parameters" {
  description = "Values that replace those of the table in parameters.tf, by name."
  type        = map(string)
  nullable    = false
  default     = {}

  validation {
    condition     = lookup(var.parameters, "rds.force_ssl", "1") == "1"
    error_message = "parameters switches rds.force_ssl off. Leave it on: without it passwords and customers' data may travel in the clear."
  }

  validation {
    condition     = !contains(["0", "1"], lookup(var.parameters, "log_connections", "all"))
    error_message = "parameters sets log_connections to 0 or 1, which PostgreSQL 18 no longer takes. Write all, or a list like receipt,authorization, or an empty string for none."
  }

  validation {
    condition     = alltrue([for library in ["pg_stat_statements", "auto_explain"] : strcontains(lookup(var.parameters, "shared_preload_libraries", "pg_stat_statements,auto_explain"), library)])
    error_message = "parameters takes pg_stat_statements or auto_explain out of shared_preload_libraries. Keep both and add yours behind them: the dashboards and health checks read them."
  }
}

# --- Credentials ------------------------------------------------------------------------------------------------------

variable "db_password" {
  description = "Master password, if you choose it yourself (TF_VAR_db_password; the start script takes DB_PASSWORD of scripts/.env). Left out, one is made. Never stored in plan or state."
  type        = string
  default     = null
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = var.db_password == null ? true : length(var.db_password) >= 16 && length(var.db_password) <= 99
    error_message = "db_password has a length RDS or good sense refuses. Write 16 to 99 characters, or leave it out and one is made."
  }

  validation {
    condition     = var.db_password == null ? true : can(regex("^[!#-.0-?A-~]*$", var.db_password))
    error_message = "db_password holds a character RDS refuses: blank, slash, at sign, double quote or something outside ASCII. Replace it."
  }
}

variable "master_password_version" {
  description = "Raise it to send a new master password to the database and to its secret."
  type        = number
  nullable    = false
  default     = 1

  validation {
    condition     = var.master_password_version >= 1 && floor(var.master_password_version) == var.master_password_version
    error_message = "master_password_version is ${var.master_password_version}. Write a whole number from 1 on, one more than the last."
  }
}

variable "encryption" {
  description = "The key. `kms_key_arn` takes one that exists already, such as the one kept from an earlier stack with its snapshots."
  type = object({
    kms_key_arn          = optional(string)
    deletion_window_days = optional(number, 30)
  })
  nullable = false
  default  = {}

  validation {
    condition     = var.encryption.kms_key_arn == null ? true : can(regex("^arn:aws[a-z-]*:kms:${var.region}:[0-9]{12}:key/[0-9a-f-]{36}$", var.encryption.kms_key_arn))
    error_message = "encryption.kms_key_arn is no key of ${var.region}. Write its full ARN (arn:aws:kms:${var.region}:<account>:key/<id>), not an alias: RDS encrypts with keys of its own region only."
  }

  validation {
    condition     = var.encryption.deletion_window_days >= 7 && var.encryption.deletion_window_days <= 30
    error_message = "encryption.deletion_window_days is ${var.encryption.deletion_window_days}. KMS takes 7 to 30: the time in which a deleted key, and every snapshot under it, can still be saved."
  }
}

# --- Care -------------------------------------------------------------------------------------------------------------

variable "backup" {
  description = "Automated backups. Point-in-time recovery reaches back `retention_days`. The window is UTC."
  type = object({
    retention_days = optional(number, 14)
    window         = optional(string, "02:00-03:00")
  })
  nullable = false
  default  = {}

  validation {
    condition     = var.backup.retention_days >= 0 && var.backup.retention_days <= 35 && floor(var.backup.retention_days) == var.backup.retention_days
    error_message = "backup.retention_days is ${var.backup.retention_days}. RDS keeps 1 to 35 days; keep longer with AWS Backup or snapshots."
  }

  validation {
    condition     = can(regex("^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$", var.backup.window))
    error_message = "backup.window is \"${var.backup.window}\". Write UTC times like 02:00-03:00."
  }
}

variable "maintenance" {
  description = "When RDS may restart, and what it may upgrade by itself. The window is UTC."
  type = object({
    window               = optional(string, "sun:03:30-sun:04:30")
    apply_immediately    = optional(bool, false)
    minor_upgrades       = optional(bool, true)
    allow_major_upgrades = optional(bool, false)
  })
  nullable = false
  default  = {}

  validation {
    condition     = can(regex("^(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]-(mon|tue|wed|thu|fri|sat|sun):([01][0-9]|2[0-3]):[0-5][0-9]$", var.maintenance.window))
    error_message = "maintenance.window is \"${var.maintenance.window}\". Write days and UTC times like sun:03:30-sun:04:30."
  }
}

variable "protection" {
  description = "What stands between a mistake and the data."
  type = object({
    deletion_protection      = optional(bool, true)
    final_snapshot           = optional(bool, true)
    delete_automated_backups = optional(bool, false)
    secret_recovery_days     = optional(number, 30)
  })
  nullable = false
  default  = {}

  validation {
    condition     = var.protection.secret_recovery_days == 0 || (var.protection.secret_recovery_days >= 7 && var.protection.secret_recovery_days <= 30)
    error_message = "protection.secret_recovery_days is ${var.protection.secret_recovery_days}. Secrets Manager takes 7 to 30, or 0 for no recovery."
  }
}

variable "insights" {
  description = "Database Insights and Enhanced Monitoring. Mode advanced keeps 465 days; standard 7 days free of charge, or whole months."
  type = object({
    mode                        = optional(string, "standard")
    retention_days              = optional(number, 7)
    monitoring_interval_seconds = optional(number, 60)
  })
  nullable = false
  default  = {}

  validation {
    condition     = contains(["standard", "advanced"], var.insights.mode)
    error_message = "insights.mode is \"${var.insights.mode}\". Set it to standard or advanced."
  }

  validation {
    condition     = var.insights.mode != "advanced" || var.insights.retention_days == 465
    error_message = "insights.mode advanced needs insights.retention_days = 465, and ${var.insights.retention_days} is set. AWS refuses any other number; write 465 or choose standard."
  }

  validation {
    condition     = contains(concat([7, 731], [for month in range(1, 24) : 31 * month]), var.insights.retention_days)
    error_message = "insights.retention_days is ${var.insights.retention_days}. AWS takes 7, multiples of 31 up to 713, or 731."
  }

  validation {
    condition     = contains([0, 1, 5, 10, 15, 30, 60], var.insights.monitoring_interval_seconds)
    error_message = "insights.monitoring_interval_seconds is ${var.insights.monitoring_interval_seconds}. Set it to 1, 5, 10, 15, 30 or 60 seconds, or 0 for none."
  }
}

variable "logs" {
  description = "How long CloudWatch keeps the logs of the database and of the network."
  type = object({
    retention_days = optional(number, 365)
  })
  nullable = false
  default  = {}

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.logs.retention_days)
    error_message = "logs.retention_days is ${var.logs.retention_days}. CloudWatch takes 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, and some up to 3653: write the next larger."
  }
}

variable "monitoring" {
  description = "Who is told what. `page` wakes somebody, `notify` waits until the morning; each names its subscribers, like { oncall = { protocol = \"email\", endpoint = \"…\" } }. `actions_enabled`: on, unless environment is test. `health_check_minutes`: how often scripts/health_check.py --publish runs, if it does. `runbooks`: where docs/runbooks/ is to be read."
  type = object({
    actions_enabled = optional(bool)
    subscribers = optional(object({
      page   = optional(map(object({ protocol = string, endpoint = string })), {})
      notify = optional(map(object({ protocol = string, endpoint = string })), {})
    }), {})
    health_check_minutes = optional(number)
    runbooks             = optional(string, "docs/runbooks")
  })
  nullable = false
  default  = {}
}

# --- Who may log in, and who may deploy ---------------------------------------------------------------------------------

variable "iam_logins" {
  description = "Database logins that authenticate by IAM token: one policy is made for each. In PostgreSQL they need rds_iam, which must never be granted to a group."
  type        = set(string)
  nullable    = false
  default     = []

  validation {
    condition     = alltrue([for login in var.iam_logins : can(regex("^[a-z][a-z0-9_]{0,62}$", login))])
    error_message = "iam_logins has a name that is no login. Write up to 63 lower-case letters, digits and underscores, without wildcards: each login gets a policy of its own."
  }

  validation {
    condition     = !contains(var.iam_logins, var.database.username)
    error_message = "iam_logins names the master login ${var.database.username}. Leave it out: with rds_iam the master loses its password login. Make a login of its own."
  }
}

variable "github" {
  description = "Roles that GitHub Actions of one repository assumes without keys; none by default. Repositories since July 2026 name themselves with ids in their tokens: give owner_id and repository_id for those. `oidc_provider_arn` takes the account's provider if it has one. `state_bucket` is the S3 bucket of the state, whose keys begin with <project>-<environment>/. `login` is the database login that migrates and checks, by token."
  type = object({
    owner             = string
    repository        = string
    owner_id          = optional(string)
    repository_id     = optional(string)
    oidc_provider_arn = optional(string)
    state_bucket      = optional(string)
    login             = optional(string, "shop_deploy")
  })
  default = null

  validation {
    condition     = var.github == null ? true : can(regex("^[A-Za-z0-9-]+$", var.github.owner)) && can(regex("^[A-Za-z0-9._-]+$", var.github.repository))
    error_message = "github.owner or github.repository is no name. Write them apart and without wildcards: owner = \"example\", repository = \"shop\"."
  }

  validation {
    condition     = var.github == null ? true : can(regex("^[a-z][a-z0-9_]{0,62}$", var.github.login)) && var.github.login != var.database.username
    error_message = "github.login is no login of its own. Write a name such as shop_deploy, which scripts/db_roles.py makes; never the master's."
  }

  validation {
    condition     = var.github == null ? true : (var.github.owner_id == null) == (var.github.repository_id == null)
    error_message = "github has one of owner_id and repository_id. Give both (the numbers of `gh api repos/<owner>/<repository> --jq .owner.id,.id`), or neither."
  }

  validation {
    condition     = var.github == null ? true : alltrue([for id in [var.github.owner_id, var.github.repository_id] : id == null ? true : can(regex("^[0-9]+$", id))])
    error_message = "github.owner_id or github.repository_id is no number. Write the digits in quotes."
  }

  validation {
    condition     = try(var.github.oidc_provider_arn, null) == null ? true : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:oidc-provider/token\\.actions\\.githubusercontent\\.com$", var.github.oidc_provider_arn))
    error_message = "github.oidc_provider_arn is not GitHub's provider. Write arn:aws:iam::<account>:oidc-provider/token.actions.githubusercontent.com, or leave it out and one is made."
  }
}
