# Every instance class that RDS offers for PostgreSQL 18 and Aurora PostgreSQL, with its vCPUs and memory: the one table
# that thresholds are derived from. Source: "Hardware specifications for DB instance classes", RDS and Aurora User
# Guides. Families grow by size in step (memory per vCPU is constant), except the burstable ones.
#
# A class that is not here is refused by guards.tf. Add it here, or hand it in as `classes`.

locals {
  vcpu_of_size = {
    large      = 2
    xlarge     = 4
    "2xlarge"  = 8
    "4xlarge"  = 16
    "8xlarge"  = 32
    "12xlarge" = 48
    "16xlarge" = 64
    "24xlarge" = 96
    "32xlarge" = 128
    "48xlarge" = 192
  }

  sizes_to_16 = ["large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "12xlarge", "16xlarge"]
  sizes_to_24 = concat(local.sizes_to_16, ["24xlarge"])
  sizes_to_32 = concat(local.sizes_to_24, ["32xlarge"])
  sizes_to_48 = concat(local.sizes_to_24, ["48xlarge"])

  families = {
    m5    = { gib_per_vcpu = 4, sizes = local.sizes_to_24 }
    m5d   = { gib_per_vcpu = 4, sizes = local.sizes_to_24 }
    m6g   = { gib_per_vcpu = 4, sizes = local.sizes_to_16 }
    m6gd  = { gib_per_vcpu = 4, sizes = local.sizes_to_16 }
    m6i   = { gib_per_vcpu = 4, sizes = local.sizes_to_32 }
    m6id  = { gib_per_vcpu = 4, sizes = local.sizes_to_32 }
    m6idn = { gib_per_vcpu = 4, sizes = local.sizes_to_32 }
    m6in  = { gib_per_vcpu = 4, sizes = local.sizes_to_32 }
    m7g   = { gib_per_vcpu = 4, sizes = local.sizes_to_16 }
    m7i   = { gib_per_vcpu = 4, sizes = local.sizes_to_48 }
    m8g   = { gib_per_vcpu = 4, sizes = local.sizes_to_48 }
    m8gd  = { gib_per_vcpu = 4, sizes = local.sizes_to_48 }

    r5     = { gib_per_vcpu = 8, sizes = local.sizes_to_24 }
    r5b    = { gib_per_vcpu = 8, sizes = local.sizes_to_24 }
    r5d    = { gib_per_vcpu = 8, sizes = local.sizes_to_24 }
    r6g    = { gib_per_vcpu = 8, sizes = local.sizes_to_16 }
    r6gd   = { gib_per_vcpu = 8, sizes = local.sizes_to_16 }
    r6i    = { gib_per_vcpu = 8, sizes = local.sizes_to_32 }
    r6id   = { gib_per_vcpu = 8, sizes = local.sizes_to_32 }
    r6idn  = { gib_per_vcpu = 8, sizes = local.sizes_to_32 }
    r6in   = { gib_per_vcpu = 8, sizes = local.sizes_to_32 }
    r7g    = { gib_per_vcpu = 8, sizes = local.sizes_to_16 }
    r7i    = { gib_per_vcpu = 8, sizes = local.sizes_to_48 }
    r8g    = { gib_per_vcpu = 8, sizes = local.sizes_to_48 }
    r8gd   = { gib_per_vcpu = 8, sizes = local.sizes_to_48 }
    x2g    = { gib_per_vcpu = 16, sizes = local.sizes_to_16 }
    x2idn  = { gib_per_vcpu = 16, sizes = ["16xlarge", "24xlarge", "32xlarge"] }
    x2iedn = { gib_per_vcpu = 32, sizes = ["xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge", "24xlarge", "32xlarge"] }
    x8g    = { gib_per_vcpu = 16, sizes = local.sizes_to_48 }
  }

  burstable_sizes = {
    micro     = { vcpu = 2, memory_gib = 1 }
    small     = { vcpu = 2, memory_gib = 2 }
    medium    = { vcpu = 2, memory_gib = 4 }
    large     = { vcpu = 2, memory_gib = 8 }
    xlarge    = { vcpu = 4, memory_gib = 16 }
    "2xlarge" = { vcpu = 8, memory_gib = 32 }
  }

  # An ACU is about 2 GiB and the CPU that goes with them; where memory is 8 GiB per vCPU, that is a quarter of one.
  # Metrics of db.serverless count against the maximum: FreeableMemory grows by 2 GiB for each ACU that is not in use.
  serverless_class = { for range in var.serverless[*] : "db.serverless" => { vcpu = max(1, range.max_acu / 4), memory_gib = 2 * range.max_acu } }

  instance_classes = merge(
    merge([for family in ["t3", "t4g"] : { for size, class in local.burstable_sizes : "db.${family}.${size}" => class }]...),
    merge([for family, row in local.families : { for size in row.sizes : "db.${family}.${size}" => { vcpu = local.vcpu_of_size[size], memory_gib = row.gib_per_vcpu * local.vcpu_of_size[size] } }]...),
    local.serverless_class,
    var.classes,
  )

  # What kinds of class a class is of; rows of alarms.tf say for which kinds they are.
  kinds_of_class = { for name, class in local.instance_classes : name => concat(
    name == "db.serverless" ? ["serverless"] : ["provisioned"],
    startswith(name, "db.t") ? ["burstable"] : [],
    name != "db.serverless" && class.vcpu <= 16 ? ["ebs_burst"] : [], # larger ones have their full EBS bandwidth always
  ) }
}
