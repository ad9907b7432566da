#!/bin/sh
# SPDX-License-Identifier: MIT
# qubes.xml, firewall.xml and notes.txt changed by another program: told, left alone, then imported or put aside as the owner
# answers. Import, export and check over a house that runs and over a store at rest.
# timeout: 180
. "$(dirname "$0")/../tap.sh"
[ "$(id -u)" = 0 ] || skip_all "an instance needs root"
exec python3 -B "$(dirname "$0")/a_changed_qubes_xml_is_a_question.py"
