# SPDX-License-Identifier: MIT
# bash completion for kvpoolctl; installed as .../bash-completion/completions/kvpoolctl

_kvpoolctl_nouns="status top tenant stats tier knob block chunk context operation peer link
	session host right fabric event"

_kvpoolctl_verbs()
{
	case $1 in
	tenant) echo "show add set drop del" ;;
	tier | knob | fabric) echo "show set" ;;
	right) echo "show set del" ;;
	context) echo "show revoke" ;;
	peer | host) echo "show add del" ;;
	link) echo "show add connect del" ;;
	session) echo "show end" ;;
	*) echo "show" ;;
	esac
}

# The options of a noun and a verb, beside those that every command takes.
_kvpoolctl_options()
{
	case $1/$2 in
	top/show) echo "--count --interval" ;;
	tenant/add | tenant/set) echo "--quota --pin-quota --push-quota --guarantee --guarantee-nodes --uid --gid" ;;
	tier/set) echo "--limit" ;;
	block/show | operation/show | context/show) echo "--tenant --state --count" ;;
	chunk/show) echo "--tenant --count" ;;
	peer/add) echo "--host" ;;
	link/add) echo "--src" ;;
	link/connect) echo "--wait" ;;
	host/add) echo "--key" ;;
	right/show) echo "--tenant" ;;
	right/set) echo "--read --push" ;;
	fabric/set)
		echo "--listen --no-listen --open --no-open --secret-key --no-secret-key"
		echo "--name --memory --queues --idle-ms --ack-timeout --service-type"
		echo "--strict-fence --no-strict-fence"
		;;
	event/show) echo "--count" ;;
	esac
}

# The directories of sysfs below $1.
_kvpoolctl_directories()
{
	local path

	for path in "${KVPOOL_SYSFS:-/sys/class/misc/kvpool}/$1"/*/; do
		[[ -d $path ]] && basename "$path"
	done
}

# Column $1 of the table that kvpoolctl prints for the other arguments, without its head.
_kvpoolctl_column()
{
	kvpoolctl "${@:2}" 2>/dev/null | awk -v column="$1" 'NR > 1 { print $column }'
}

# The operands of noun $1 and verb $2; $3 is the first operand or empty.
_kvpoolctl_operands()
{
	case $1/$2/${3:+second} in
	tenant/show/ | stats/show/ | tenant/set/ | tenant/drop/ | tenant/del/)
		_kvpoolctl_directories tenants
		;;
	tier/show/ | tier/set/)
		_kvpoolctl_directories tiers
		;;
	knob/show/ | knob/set/)
		_kvpoolctl_column 1 knob show
		;;
	knob/set/second)
		[[ $3 == policy ]] &&
			tr -d '[]' <"${KVPOOL_SYSFS:-/sys/class/misc/kvpool}/policy" 2>/dev/null
		;;
	peer/show/ | peer/del/ | link/show/ | link/add/ | link/connect/ | link/del/)
		_kvpoolctl_column 2 peer show
		;;
	link/show/second | link/connect/second | link/del/second)
		_kvpoolctl_column 2 link show "$3"
		;;
	context/revoke/)
		_kvpoolctl_column 2 context show --state open
		;;
	session/show/ | session/end/)
		_kvpoolctl_column 1 session show
		;;
	host/show/ | host/add/ | host/del/)
		_kvpoolctl_column 1 host show
		;;
	right/set/ | right/del/)
		_kvpoolctl_directories tenants
		;;
	right/set/second | right/del/second)
		_kvpoolctl_column 1 host show
		;;
	esac
}

# The values of option $1, for noun $2. False for a flag.
_kvpoolctl_values()
{
	case $1 in
	--tenant | -t)
		_kvpoolctl_directories tenants
		;;
	--state | -s)
		case $2 in
		block) echo "reserved sealed preempted dead" ;;
		operation) echo "runs waits remote done" ;;
		context) echo "open revoked" ;;
		esac
		;;
	--uid | -u)
		echo "none"
		compgen -u
		;;
	--gid | -g)
		echo "none"
		compgen -g
		;;
	--listen | --src)
		ip -o address show 2>/dev/null | awk '{ sub("/.*", "", $4); print $4 }'
		;;
	--read | --push)
		echo "yes no"
		;;
	--host)
		_kvpoolctl_column 1 host show
		;;
	--ack-timeout)
		echo "auto"
		;;
	--service-type)
		echo "default"
		;;
	--secret-key | --key)
		awk '$8 ~ /^(logon|user)$/ { sub(":$", "", $9); print $9 }' /proc/keys 2>/dev/null
		;;
	--quota | -q | --pin-quota | -p | --push-quota | --guarantee | --guarantee-nodes | --limit | -l | --interval | -i | --count | -n) ;;
	--name | --memory | --queues | --idle-ms) ;;
	*)
		return 1
		;;
	esac
}

_kvpoolctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local noun='' verb='' operand='' words i

	for ((i = 1; i < COMP_CWORD; i++)); do
		[[ ${COMP_WORDS[i]} == -* ]] && continue
		_kvpoolctl_values "${COMP_WORDS[i - 1]}" '' >/dev/null && continue
		if [[ -z $noun ]]; then
			noun=${COMP_WORDS[i]}
		elif [[ -z $verb ]]; then
			verb=${COMP_WORDS[i]}
		elif [[ -z $operand ]]; then
			operand=${COMP_WORDS[i]}
		fi
	done
	# A plural is as good.
	for words in $_kvpoolctl_nouns; do
		[[ $noun == "${words}s" ]] && noun=$words
	done

	if words=$(_kvpoolctl_values "$prev" "$noun"); then
		:
	elif [[ -z $noun ]]; then
		words="$_kvpoolctl_nouns help --json --help --version"
	elif [[ $noun == help ]]; then
		[[ -z $verb ]] && words=$_kvpoolctl_nouns
	elif [[ -z $verb ]]; then
		words="$(_kvpoolctl_verbs "$noun") help --json --help --version"
	else
		words="$(_kvpoolctl_options "$noun" "$verb") --json --help --version"
		words+=" $(_kvpoolctl_operands "$noun" "$verb" "$operand")"
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _kvpoolctl kvpoolctl
