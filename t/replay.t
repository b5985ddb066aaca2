# AuthNegotiateReplayCache: a token is good once - at this machine, and with a shared cache at every
# node of a cluster, however it is wrapped. Failed tokens leave nothing in it.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Pac qw(logon_info mint);
use NegTest::Ports 'free_port';
use NegTest::Spnego qw(der neg_token_init neg_token_resp oid KRB5);
use NegTest::Stage;
use NegTest::Store;
use Time::HiRes qw(sleep time);

use constant {
    MS_KRB5       => '1.2.840.48018.1.2.2',
    RETRY_SECONDS => 20,    # httpd's modules look at a dead store again after five
    AT_ONCE       => 20,    # connections,
    TOKENS        => 10,    # each of them with all of these
};

my @PROVIDERS = qw(redis memcache);
my $dir       = stage_dir() . '/replay';
mkdir $dir or die "$dir: $!\n";
chmod 0711, $dir;

plan tests => 79 + 41 * @PROVIDERS;

# --- httpds ------------------------------------------------------------------

my $LOCATION = <<'CONF';
ScriptAliasMatch "^/auth/env\.pl$" "@stage@/cgi-bin/env.pl"
AuthNegotiateKeytab "@keytab@"
<Location /auth>
    AuthType Negotiate
    AuthName test
    Require valid-user
</Location>
CONF

# Several children, so that what one of them has seen is not enough.
my $CHILDREN = <<'CONF';
<IfModule event.c>
    StartServers        4
    ThreadsPerChild     6
    MaxRequestWorkers   24
    MinSpareThreads     6
    MaxSpareThreads     24
</IfModule>
CONF

# A node of a cluster: a machine has a replay cache of krb5's own.
my $nodes = 0;

sub node {
    my ($cache, %env) = @_;
    my $rcache = "$dir/rcache-" . ++$nodes;
    mkdir $rcache or die "$rcache: $!\n";
    NegTest::Stage->give_to_httpd($rcache, 0700);
    my $line = $cache ? "AuthNegotiateReplayCache $cache\n" : '';
    return server(conf => $CHILDREN . $line . $LOCATION, env => { KRB5RCACHEDIR => $rcache, %env });
}

sub send_token {
    my ($server, @tokens) = @_;
    my $http = http(port => $server->port);
    my @responses = map { $http->get('/auth/env.pl', Authorization => negotiate($_)) } @tokens;
    return $responses[-1];
}

sub token { return initiator('alice', @_)->step }

sub is_replay {
    my ($server, $name, @tokens) = @_;
    my $log = $server->log->mark;
    my $r   = send_token($server, @tokens);
    is $r->status, 401, "$name: refused";
    ok scalar $log->wait_for(qr/refused \(replay\)/), '... as a replay';
    return;
}

# Not by krb5's own cache.
sub is_replay_of_cluster {
    my ($server, $name, @tokens) = @_;
    my $log = $server->log->mark;
    my $r   = send_token($server, @tokens);
    is $r->status, 401, "$name: refused";
    ok scalar $log->wait_for(qr/refused \(replay\): .*at another node/), '... by the cache that the nodes share';
    return;
}

# --- krb5's own --------------------------------------------------------------

{
    my $server = node()->start;
    my $token  = token();
    is send_token($server, $token)->status, 200, 'default: a token is good once';
    is_replay($server, 'a second time', $token);
    is_replay($server, 'out of its wrapping', krb5_of($token));
    my ($entered, $pids) = race($server);
    is $entered, '1 ' x (TOKENS - 1) . '1', AT_ONCE . ' at once: one enters';
    cmp_ok $pids, '>', 1, "... over $pids children";
    $server->stop;
}

# --- none --------------------------------------------------------------------

{
    my $r = server(conf => "AuthNegotiateReplayCache none\n$LOCATION")->check;
    ok !$r->{ok}, 'none: the start is refused without TLS';
    like $r->{output}, qr{none: /auth \(\S+:\d+\) does not require TLS.*AuthNegotiateRequireTLS On},
      '... with what to write';
    my $tls   = $LOCATION =~ s/Require valid-user/$&\nAuthNegotiateRequireTLS On/r;
    my $inner = "<Location /auth/inner>\nAuthNegotiateRequireTLS Off\n</Location>\n";
    ok server(conf => "AuthNegotiateReplayCache none\n$tls")->check->{ok}, '... and not with TLS';
    $r = server(conf => "AuthNegotiateReplayCache none\n$tls$inner")->check;
    like $r->{output}, qr{none: /auth/inner }, '... but where a section within takes it away';
    $r = server(conf => "$LOCATION<VirtualHost *:1>\nAuthNegotiateReplayCache none\n</VirtualHost>\n")->check;
    like $r->{output}, qr{none: /auth }, 'none of a virtual host: the main server\'s sections count';
    my $over = "<Location />\nAuthNegotiateRequireTLS On\n</Location>\n";
    ok server(conf => "$LOCATION<VirtualHost *:1>\nAuthNegotiateReplayCache none\n$over</VirtualHost>\n")->check->{ok},
      '... with what the virtual host has around them';
}

{
    my $port   = free_port();
    my $htdocs = "$dir/htdocs";
    mkdir $_ or die "$_: $!\n" for $htdocs, "$htdocs/auth";
    write_file("$htdocs/auth/index.html", "a page\n");
    write_file("$htdocs/auth/.htaccess", "AuthType Negotiate\nAuthName test\nRequire valid-user\n"
      . "AuthNegotiateRequireTLS Off\n");
    my $server = server(conf => <<"CONF")->start;
AuthNegotiateReplayCache none
AuthNegotiateKeytab "\@keytab\@"
DocumentRoot "$htdocs"
<Directory "$htdocs">
    AllowOverride AuthConfig
</Directory>
Listen 127.0.0.1:$port
<VirtualHost 127.0.0.1:$port>
    ServerName localhost:$port
    SSLEngine On
    SSLCertificateFile "\@stage\@/tls/server.crt"
    SSLCertificateKeyFile "\@stage\@/tls/server.key"
</VirtualHost>
CONF
    my $again = token();
    my @statuses = map {
        NegTest::HTTP->new(port => $port, tls => 1, ca_file => stage_dir() . '/tls/ca.crt')
          ->get('/auth/', Authorization => negotiate($again))->status
    } 1, 2;
    is "@statuses", '200 200', 'none, over TLS: nobody remembers';
    my $r = http(port => $server->port)->get('/auth/', Authorization => negotiate(token()));
    is $r->status, 403, 'none, in the clear: refused, whatever a .htaccess says';
    is_deeply [ $r->challenges ], [], '... without a challenge';
    $server->stop;
}

# What TLS does not protect: a token for the same key that was sent elsewhere in the clear.
{
    my $port   = free_port();
    my $server = server(conf => <<"CONF")->start;
$LOCATION
Listen 127.0.0.1:$port
<VirtualHost 127.0.0.1:$port>
    ServerName localhost:$port
    AuthNegotiateReplayCache none
    <Location />
        AuthNegotiateRequireTLS On
    </Location>
    SSLEngine On
    SSLCertificateFile "\@stage\@/tls/server.crt"
    SSLCertificateKeyFile "\@stage\@/tls/server.key"
</VirtualHost>
CONF
    my $token = token();
    is send_token($server, $token)->status, 200, 'default, in the clear';
    is(NegTest::HTTP->new(port => $port, tls => 1, ca_file => stage_dir() . '/tls/ca.crt')
          ->get('/auth/env.pl', Authorization => negotiate($token))->status,
        200, '... is good again at a virtual host with none, as the documentation says');
    $server->stop;
}

# --- wrong values ------------------------------------------------------------

for (
    [ 'nothing'                      => qr/"nothing" is no cache that is loaded.*LoadModule/ ],
    [ 'dbm:/x'                       => qr/"dbm" is no cache that is loaded.*mod_socache_dbm/ ],
    [ 'shmcb:/x(nonsense)'           => qr/AuthNegotiateReplayCache: shmcb:\S+: / ],
    [ 'shmcb or-else'                => qr/write or-refuse .* or or-local/ ],
    [ 'none or-local'                => qr/go with a shared cache/ ],
    [ 'default or-refuse'            => qr/go with a shared cache/ ],
    [ 'redis'                        => qr/"redis" names no server: write redis:host:port.* Or write default/, 'redis' ],
    [ 'memcache:'                    => qr/"memcache:" names no server: write memcache:host:port/, 'memcache' ],
    [ 'redis:127.0.0.1:1,127.0.0.1:2' => qr/name one server/, 'redis' ],
) {
    my ($value, $advice, $provider) = @$_;
  SKIP: {
        my $missing = $provider && NegTest::Store->missing($provider);
        skip $missing, 1 if $missing;
        like server(conf => "AuthNegotiateReplayCache $value\n")->check->{output}, $advice,
          "$value: a sentence";
    }
}

# --- shmcb -------------------------------------------------------------------

# Without krb5's own cache beside it, so that this one has to do the work.
{
    my $port   = free_port();
    my $server = server(env => { KRB5RCACHENAME => 'none:' }, conf => <<"CONF")->start;
$CHILDREN
AuthNegotiateReplayCache shmcb
$LOCATION
Listen 127.0.0.1:$port
<VirtualHost 127.0.0.1:$port>
    ServerName inherits.test
    # httpd merges only what has a directive of ours
    AuthNegotiateKeytab "\@keytab\@"
</VirtualHost>
<VirtualHost 127.0.0.1:$port>
    ServerName own.test
    AuthNegotiateReplayCache shmcb
</VirtualHost>
<VirtualHost 127.0.0.1:$port>
    ServerName default.test
    AuthNegotiateReplayCache default
</VirtualHost>
CONF
    my ($entered, $pids) = race($server);
    is $entered, '1 ' x (TOKENS - 1) . '1', 'shmcb: of ' . AT_ONCE . ' at once one enters';
    cmp_ok $pids, '>', 1, "... over $pids children";
    my $token = token();
    is send_token($server, $token)->status, 200, 'shmcb';
    my $status_at = sub {
        my ($name) = @_;
        http(port => $port, host => $name)->get('/auth/env.pl', Authorization => negotiate($token))->status;
    };
    is $status_at->('inherits.test'), 401, '... of a virtual host that inherits it is the same';
    is $status_at->('own.test'),      200, '... and one of its own is another';
    is $status_at->('own.test'),      401, '... once';
    is $status_at->('default.test'),  200, '... and default is krb5\'s, which is off in this test';
    ok $server->restart(graceful => 1), 'a graceful restart';
    my $after = token();
    is send_token($server, $after)->status, 200, '... and shmcb takes tokens';
    is_replay($server, '... once', $after);
    is_deeply [ $server->log->crashes ], [], '... and nobody died';
    $server->stop;
}

# --- memory --------------------------------------------------------------------

# In the place of krb5's own, which is left out only as long as the table has room.
sub files_of { my ($rcache) = @_; return scalar(() = glob "$rcache/*") }

{
    my $before = node()->start;
    my $used   = token();
    is send_token($before, $used)->status, 200, 'default: a token is good once';
    $before->stop;

    my $rcache = "$dir/rcache-$nodes";
    my $server = node('memory:1', KRB5RCACHEDIR => $rcache)->start;
    my $table  = $server->dir . '/auth-negotiate-replay';
    is_replay($server, '... and not again when the cache is changed to memory', $used);
    unlink glob "$rcache/*";
    settle($table);
    my ($entered, $pids) = race($server);
    is $entered, '1 ' x (TOKENS - 1) . '1', 'memory: of ' . AT_ONCE . ' at once one enters';
    cmp_ok $pids, '>', 1, "... over $pids children";
    is files_of($rcache), 0, "... and krb5's own cache is not asked";
    my $token = token();
    is send_token($server, $token)->status, 200, 'memory: a token is good once';
    is_replay($server, 'a second time', $token);
    is_replay($server, 'out of its wrapping', krb5_of($token));
    is sprintf('%04o', (stat $table)[2] & 07777), '0600', "the table is its owner's alone";
    ok $server->restart(graceful => 1), 'a graceful restart';
    is_replay($server, '... forgets nothing', $token);
    is send_token($server, token())->status, 200, '... lets new ones in';
    is files_of($rcache), 0, "... and does without krb5's own cache at once";
    $server->stop->start;
    is_replay($server, 'stopped and started, neither', $token);

    unlink glob "$rcache/*";
    settle($table);
    fill_table($table);
    my @full = (token(), token());
    is send_token($server, $_)->status, 200, 'memory is full: a token enters' for @full;
    is files_of($rcache), 1, "... and krb5's own cache knows it";
    is_replay($server, '... once', $full[0]);
    empty_table($table);
    is_replay($server, 'memory has room again: what came before is known', $full[1]);
    is_deeply [ $server->log->crashes ], [], 'nobody died';
    $server->stop;
}

# What a ticket says may be too much for one location, and of no interest to another.
{
    my $much = "LimitRequestFieldSize 262144\n<Location /auth/much>\nAuthNegotiateAttribute MUCH urn:mspac:logon-info\n</Location>\n";
    my $server = node("memory:1\n$much")->start;
    settle($server->dir . '/auth-negotiate-replay');
    my $info  = logon_info(account => 'alice', groups => [ 513, 10_000 .. 14_200 ]);
    my $mint  = sub { mint(ccache => "FILE:$dir/many", keytab => keytab(), service => 'HTTP/localhost@EXAMPLE.TEST', client => 'alice@EXAMPLE.TEST', 1 => $info) };
    my @many  = map { NegTest::Initiator->new(ccache => $mint->())->step } 1 .. 2;
    my $http  = http(port => $server->port);
    is send_token($server, $many[0])->status, 200, 'a ticket with thousands of groups, where nobody asks for them';
    is $http->get('/auth/much/env.pl', Authorization => negotiate($many[1]))->status, 403, '... is refused where they are wanted';
    is_replay($server, '... and the token is used', $many[1]);
    $server->stop;
}

# As if the time were over in which krb5's own cache is asked, too.
sub settle { my ($file) = @_; return write_at($file, 16, pack 'Q', 0) }

# Entries that are good for half an hour, in all places: see src/core/seen.c.
sub fill_table {
    my ($file) = @_;
    return write_entries($file, sub { (($_[0] + 5) << 20) | ((time / 32 + 60) & 0xfffff) });
}

sub empty_table { my ($file) = @_; return write_entries($file, sub { 0 }) }

sub write_entries {
    my ($file, $entry) = @_;
    return write_at($file, 256, pack 'Q*', map { $entry->($_) } 1 .. (1024 * 1024 - 256) / 8);
}

sub write_at {
    my ($file, $where, $bytes) = @_;
    open my $out, '+<:raw', $file or die "$file: $!\n";
    seek $out, $where, 0;
    print $out $bytes;
    close $out or die "$file: $!\n";
    return;
}

for (
    [ 'memory:0',  qr/write megabytes/ ],
    [ 'memory:x',  qr/write megabytes/ ],
    [ 'memory:',   qr/write megabytes/ ],
    [ 'memory:1 or-local', qr/go with a shared cache/ ],
) {
    my ($value, $advice) = @$_;
    like server(conf => "AuthNegotiateReplayCache $value\n")->check->{output}, $advice, "$value: a sentence";
}
like server(conf => "<VirtualHost *:1>\nAuthNegotiateReplayCache memory\n</VirtualHost>\n")->check->{output},
  qr/outside of <VirtualHost>/, 'memory in a virtual host: a sentence';
like server(conf => "AuthNegotiateReplayCache memory\n<VirtualHost *:1>\nServerName x.test\nAuthNegotiateReplayCache $_\n</VirtualHost>\n")
  ->check->{output}, qr/the virtual host x\.test: the whole server has memory/, "memory, and a virtual host with $_: a sentence"
  for qw(default shmcb);
{
    my $server = server(conf => "AuthNegotiateReplayCache memory\n");
    open my $out, '>', $server->dir . '/auth-negotiate-replay' or die $!;
    print $out 'x' x 65536;
    close $out;
    ok !$server->try_to_start, 'a file that is no table stops the start';
    like $server->said, qr/auth-negotiate-replay cannot be used: it is no replay cache/, '... with a sentence';
}

# --- redis, memcached: a cluster ----------------------------------------------

for my $provider (@PROVIDERS) {
  SKIP: {
        my $missing = NegTest::Store->missing($provider);
        skip $missing, 41 if $missing;
        cluster(NegTest::Store->new($provider, $dir)->start);
        outage(NegTest::Store->new($provider, $dir)->start);
    }
}

sub cluster {
    my ($store)  = @_;
    my ($a, $b)  = map { node($store->text)->start } 1, 2;
    my $provider = $store->{provider};

    # A token of its own for each: what this cache refuses, krb5's at the other node knows, too.
    for (
        [ 'as it is'       => sub { @_ } ],
        [ 'in SPNEGO'      => sub { neg_token_init(token => $_[0]) } ],
        [ 'by another name of the mechanism' => sub { neg_token_init(mechs => [ MS_KRB5, KRB5 ], token => $_[0]) } ],
        [ 'in a later leg' => sub { (neg_token_init(), neg_token_resp(token => $_[0])) } ],
        [ 'with other options, which are not encrypted' => sub { other_options($_[0]) } ],
    ) {
        my ($name, $wrapped) = @$_;
        my $token = token(mech => 'krb5');
        is send_token($a, $token)->status, 200, "$provider: raw krb5 at one node";
        is_replay_of_cluster($b, "... $name at another", $wrapped->($token));
    }
    is $store->count, 5, 'five entries';

    my $token = token();
    is send_token($a, $token)->status, 200, 'SPNEGO at one node';
    is_replay_of_cluster($b, '... raw krb5 at another', krb5_of($token));

    # The AP-REQ may come in a later leg, and a first leg need not be the last.
    $token = token(mech => 'krb5');
    is send_token($a, neg_token_init(), neg_token_resp(token => $token))->status, 200, 'two legs';
    is_replay_of_cluster($b, '... the second alone', $token);
    $token = token(mech => 'krb5', dce => 1);
    ok length send_token($a, $token)->token, 'DCE style: the first of its legs is answered';
    is_replay_of_cluster($b, '... but not at another node', $token);

    # Encoded so that krb5 still reads it, but no authenticator is found where DER has it.
    my $before = $store->count;
    my $log    = $b->log->mark;
    is send_token($b, unusual_length(token(mech => 'krb5')))->status, 401, 'not in DER: refused';
    ok !$log->lines(qr/\(replay-cache\)|\(internal\)/), '... and not for trouble of our own';

    send_token($a, $_) for 'junk', substr(token(), 0, -20), token(target => 'host@localhost'),
      neg_token_init(), altered(token(mech => 'krb5'));
    is $store->count, $before, 'failed tokens leave nothing';
    $_->stop for $a, $b;
    $store->stop;
    return;
}

sub outage {
    my ($store)      = @_;
    my $refuse       = node($store->text)->start;
    my $local        = node($store->text . ' or-local')->start;
    my $provider     = $store->{provider};
    is send_token($_, token())->status, 200, "$provider is there" for $refuse, $local;
    $store->stop;

    my $log = $refuse->log->mark;
    my $r   = send_token($refuse, token());
    is $r->status, 500, "$provider is gone: 500";
    is_deeply [ $r->challenges ], [], '... and no token that proves the server to a thief';
    is_deeply [ grep { send_token($refuse, token())->status != 500 } 1 .. 30 ], [], '... every time';
    my @told = grep { /\[auth_negotiate:error\]/ } $log->wait_for(qr/\(replay-cache\)/);
    my %of;
    $of{ /\[pid (\d+)/ ? $1 : 0 }++ for @told;
    ok @told && !grep({ $_ > 1 } values %of), '... told once by each child'
      or diag @told;
    like $told[0], qr/\Q${\$store->text}\E does not answer.*start it again, or write or-local/,
      '... with what to do';

    $log = $local->log->mark;
    my $token = token();
    is send_token($local, $token)->status, 200, 'or-local goes on';
    like join("\n", $log->wait_for(qr/\(replay-cache\)/)), qr/Negotiate goes on.*token used at another node/,
      '... and says so';
    is_replay($local, '... with krb5\'s own cache', $token);

    $store->start;
    my $seconds = time;
    ok wait_until(sub { send_token($refuse, token())->status == 200 }, RETRY_SECONDS),
      "$provider is there again: it goes on without a restart, in " . int(time - $seconds) . ' seconds';
    ok wait_until(sub { my $n = $store->count; send_token($local, token()); $store->count > $n }, RETRY_SECONDS),
      '... and or-local uses it again';
    $_->stop for $refuse, $local;
    $store->stop;
    return;
}

# --- tokens ------------------------------------------------------------------

# Each of several tokens is sent on many connections at once, in the same order on all of them. How
# often each entered; how many children they met.
sub race {
    my ($server) = @_;
    my @tokens   = map { token() } 1 .. TOKENS;
    my $log      = $server->log->mark;
    my $start    = time + 2;
    my @answers  = in_parallel(AT_ONCE, sub {
        sleep $start - time if time < $start;
        return [ map { send_token($server, $_)->status } @tokens ];    # a busy server may close a connection
    });
    ref eq q(ARRAY) or die "a client failed: $_->{error}" for @answers;
    my @entered = map { my $i = $_; scalar grep { $_->[$i] == 200 } @answers } 0 .. TOKENS - 1;
    my %pids = map { /\[pid (\d+)/ ? ($1 => 1) : () } $log->ours;
    return ("@entered", scalar keys %pids);
}

# The framed Kerberos token in a NegTokenInit: a frame whose OID is Kerberos'. A frame's first bytes alone are
# in the ciphertext of one token in seventy.
sub krb5_of {
    my ($spnego) = @_;
    my ($length, $rest) = $spnego =~ /\x60\x82(..)(\Q${\oid(KRB5)}\E.*)/s or die "no Kerberos token in it\n";
    return "\x60\x82$length" . substr $rest, 0, unpack 'n', $length;
}

# The AP-REQ's SEQUENCE with a length of three bytes, where two are enough.
sub unusual_length {
    my ($framed) = @_;
    my ($oid, $body) = $framed =~ /\A\x60\x82..(\x06\x09.{9}\x01\x00)\x6e\x82..\x30\x82..(.*)\z/s
      or die "this AP-REQ is written differently\n";
    my $sequence = "\x30\x83" . substr(pack('N', length $body), 1) . $body;
    return der(0x60, $oid . der(0x6e, $sequence));
}

# The AP-REQ with one of its reserved options set.
sub other_options {
    my ($framed) = @_;
    $framed =~ s/(\xa2\x07\x03\x05\x00)\x20\x00\x00\x00/$1\xa0\x00\x00\x00/ or die "this AP-REQ has other options\n";
    return $framed;
}

# One bit of the authenticator, which is at the end, is another.
sub altered {
    my ($token) = @_;
    substr($token, -8, 1) ^= "\x01";
    return $token;
}

sub write_file {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out;
    chmod 0644, $file;
    return;
}
