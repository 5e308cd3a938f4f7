# Runs in the root folder of a fresh base image. DAYS: the day written as "last password change", in days since 1970.
set -eu
rm -rf var/cache/apt/archives/*.deb var/cache/apt/*.bin var/lib/apt/lists/* var/cache/ldconfig/aux-cache
rm -rf var/lib/dpkg/*-old var/cache/debconf/*-old etc/resolv.conf etc/hostname etc/apt/sources.list etc/*-
find var/log -type f -delete
: > etc/machine-id
sed -i "s/^\([^:]*:[^:]*\):[0-9][0-9]*:/\1:$DAYS:/" etc/shadow
find usr/share/doc -depth ! -type d ! -name copyright -delete
find usr/share/doc -depth -type d -empty -delete
rm -rf usr/share/man/* usr/share/info/* usr/share/groff/* usr/share/lintian/* usr/share/locale/*
