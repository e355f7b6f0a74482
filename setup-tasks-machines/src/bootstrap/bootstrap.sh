# Starts the agent on a machine, which is copied to it first if necessary. The controller removes the comments, joins the lines, and
# sets n (the nonce), h (the hash of the agent), s (its size), c (its role), k (the number of places to leave out) and r (1: replace the agent).
# The first requests can precede the agent in the input, so the script skips lines up to the nonce. Behind the nonce is the size of the
# compressed agent, if it comes compressed.
# A login shell passes the script on in single quotes, so it contains no single quote and no backslash.
m=$(umask);
umask 077;
say() { echo; echo "setup-tasks-stage $n $*"; };
i=0;
for p in "${XDG_CACHE_HOME:-$HOME/.cache}" /var/tmp /dev/shm; do
i=$((i+1));
# The directory is ours, and nobody else can have made it: it belongs to this user, and only this user can enter it.
case $p in
/var/tmp|/dev/shm) d=$p/setup-tasks-agent-$(id -u);;
/*) d=$p/setup-tasks-agent; mkdir -p "$p" 2>/dev/null;;
*) say skipped $i $p is not an absolute path; continue;;
esac;
[ $i -gt $k ] || continue;
mkdir -m 700 "$d" 2>/dev/null;
set -- $(ls -ldn "$d" 2>/dev/null);
case $1 in
drwx------*) [ "$3" = "$(id -u)" ] || { say skipped $i $d belongs to another user; continue; };;
"") say skipped $i $d cannot be made; continue;;
*) say skipped $i $d is not a directory that only this user can enter; continue;;
esac;
a=$d/agent-$h;
if [ $r = 0 ] && [ -x "$a" ]; then umask $m; exec "$a" $c serve $n; fi;
f=$d/draft-$n;
# A file of two lines shows whether programs run here.
{ echo "#!/bin/sh"; echo "exit 0"; } 2>/dev/null >"$f" || { rm -f "$f"; say skipped $i $d cannot be written; continue; };
chmod 700 "$f"; "$f" 2>/dev/null || { rm -f "$f"; say skipped $i $d does not let programs run; continue; };
say need $i $(uname -s) $(uname -m) $(command -v gzip >/dev/null 2>&1 && echo gzip);
while read -r go z; do [ "$go" = "$n" ] && break; done;
[ "$go" = "$n" ] || { rm -f "$f"; exit 3; };
# Nobody tells this script that the link was cut, so it does not wait for ever.
w=$((30+s/50000)); t=; command -v timeout >/dev/null 2>&1 && t="timeout $w";
if [ -n "$z" ]; then $t head -c "$z" | gzip -dc 2>/dev/null >"$f"; else $t head -c $s 2>/dev/null >"$f"; fi;
[ "$(wc -c <"$f")" -eq $s ] || { rm -f "$f"; say short $i $d has no space for the agent; exit 3; };
chmod 500 "$f"; mv -f "$f" "$a" || { rm -f "$f"; say short $i $d cannot be written; exit 3; };
# The latest copies stay, since other controllers can have other versions. What broken copies left is removed after a while.
ls -td "$d"/agent-* | tail -n +6 | while read -r o; do rm -f "$o"; done;
find "$d" -name "draft-*" -mtime +1 -exec rm -f {} + 2>/dev/null;
umask $m; exec "$a" $c serve $n;
done;
say nowhere; exit 3
