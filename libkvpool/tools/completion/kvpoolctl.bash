# SPDX-License-Identifier: MIT
# bash completion for kvpoolctl; installed as .../bash-completion/completions/kvpoolctl

_kvpoolctl_names()
{
	local dir=${KVPOOL_SYSFS:-/sys/class/misc/kvpool}/$1 path

	for path in "$dir"/*/; do
		[[ -d $path ]] && printf '%s\n' "$(basename "$path")"
	done
}

# Column $1 of what kvpoolctl shows with the other arguments, without its head.
_kvpoolctl_column()
{
	kvpoolctl "${@:2}" 2>/dev/null | awk -v column="$1" 'NR > 1 { print $column }'
}

_kvpoolctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local knobs="policy watermark_high watermark_low preempt_ms quarantine_ms max_handles remote_timeout_ms"
	local command='' verb='' name='' words='' word i

	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-*)
			continue
			;;
		esac
		case ${COMP_WORDS[i - 1]} in
		--quota | --pin-quota | --uid | --gid | --tenant | --state | --limit | \
			--delay | --iterations | --src | --listen | --secret-key | --open | \
			--count | -[qpugtsdnlko])
			continue
			;;
		esac
		if [[ -z $command ]]; then
			command=$word
		elif [[ -z $verb ]]; then
			verb=$word
		elif [[ -z $name ]]; then
			name=$word
		fi
	done

	case $prev in
	--tenant | -t)
		[[ $command == blocks ]] && words=$(_kvpoolctl_names tenants)
		;;
	--state | -s)
		[[ $command == blocks ]] && words="reserved sealed dead"
		;;
	--uid | -u)
		[[ $command == tenants ]] && words=$(compgen -u)
		;;
	--gid | -g)
		[[ $command == tenants ]] && words=$(compgen -g)
		;;
	--open | -o)
		[[ $command == fabric ]] && words="yes no"
		;;
	--listen | --src)
		words=$(ip -o address show 2>/dev/null | awk '{ sub("/.*", "", $4); print $4 }')
		;;
	--secret-key | -k)
		[[ $command == fabric ]] &&
			words=$(awk '$8 ~ /^(logon|user)$/ { sub(":$", "", $9); print $9 }' \
				/proc/keys 2>/dev/null)
		;;
	--quota | --pin-quota | --limit | --delay | --iterations | --count)
		return
		;;
	esac
	if [[ -n $words ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
	fi

	case $command/$verb in
	/)
		words="status top tenants blocks knobs tiers peer link fabric session events
			--json --help --version"
		;;
	status/)
		words="--json --help"
		;;
	top/)
		words="--delay --iterations --once --json --help"
		;;
	blocks/)
		words="--tenant --state --limit --json --help"
		;;
	tenants/)
		words="list show add set drop del --json --help"
		;;
	tenants/add)
		words="--quota --pin-quota --uid --gid --json"
		;;
	tenants/set)
		words="--quota --pin-quota --uid --gid --json"
		[[ -z $name ]] && words+=" $(_kvpoolctl_names tenants)"
		;;
	tenants/show | tenants/drop | tenants/del)
		words="--json"
		[[ -z $name ]] && words+=" $(_kvpoolctl_names tenants)"
		;;
	knobs/)
		words="list get set --json --help"
		;;
	knobs/get)
		[[ -z $name ]] && words="$knobs --json"
		;;
	knobs/set)
		[[ -z $name ]] && words=$knobs
		if [[ $name == policy ]]; then
			words=$(tr -d '[]' <"${KVPOOL_SYSFS:-/sys/class/misc/kvpool}/policy" 2>/dev/null)
		fi
		;;
	tiers/)
		words="list set --json --help"
		;;
	peer/)
		words="show add del --json --help"
		;;
	peer/show | peer/del)
		words="--json"
		[[ -z $name ]] && words+=" $(_kvpoolctl_column 2 peer)"
		;;
	link/)
		words="show add del --json --help"
		;;
	link/show | link/del)
		words="--json"
		[[ -z $name ]] && words+=" $(_kvpoolctl_column 2 peer)"
		[[ -n $name ]] && words+=" $(_kvpoolctl_column 2 link show "$name")"
		;;
	link/add)
		words="--src --json"
		[[ -z $name ]] && words+=" $(_kvpoolctl_column 2 peer)"
		;;
	fabric/)
		words="show set --json --help"
		;;
	fabric/set)
		words="--listen --no-listen --secret-key --open --json"
		;;
	session/)
		words="show --json --help"
		;;
	session/show)
		words="--json"
		[[ -z $name ]] && words+=" $(_kvpoolctl_column 1 session)"
		;;
	events/)
		words="--count --json --help"
		;;
	tiers/set)
		words="--limit --json"
		[[ -z $name ]] && words+=" $(_kvpoolctl_names tiers)"
		;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _kvpoolctl kvpoolctl
