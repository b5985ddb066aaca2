# Every refusal is one log line with its cause and what to do about it, and the
# same sentence for the ErrorDocument. SPNEGO and bare Kerberos tokens alike.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use MIME::Base64 'encode_base64';
use NegTest;
use NegTest::Ccache 'edit_ccache';
use NegTest::Keytab qw(read_keytab write_keytab entry AES128 AES256);
use NegTest::Spnego qw(neg_token_init neg_token_resp KRB5 NTLMSSP UNKNOWN);
use NegTest::Stage;


my $host    = 'explain.example.test';
my $service = "HTTP\@$host";
my $keytab  = keytab('explain');
my $root    = $> == 0;

kdc()->add_principal($_) for "HTTP/$host", "host/$host", "HTTP/stranger.example.test";
kdc()->add_to_keytab($keytab, [ "HTTP/$host", "host/$host" ]);
my @keys = read_keytab($keytab);
write_keytab($keytab, @keys);

my $conf = <<"CONF";
# One child, so that it is known who has told what already.
StartServers 1
ServerLimit 1
<IfModule event.c>
    ThreadsPerChild 10
    MaxRequestWorkers 10
    MinSpareThreads 1
</IfModule>
<IfModule prefork.c>
    MaxRequestWorkers 1
</IfModule>
PassEnv KRB5_CONFIG
ScriptAliasMatch "env\\.pl\$" "\@stage\@/cgi-bin/env.pl"
ErrorDocument 401 /open/env.pl
ErrorDocument 403 /open/env.pl
ErrorDocument 500 /open/env.pl
AuthNegotiateKeytab $keytab
SetEnvIf User-Agent never no-negotiate
<Location /x>
    AuthType Negotiate
    AuthName test
    Require valid-user
</Location>
<Location /tls>
    AuthType Negotiate
    AuthName test
    AuthNegotiateRequireTLS On
    Require valid-user
</Location>
<Location /local>
    AuthType Negotiate
    AuthName test
    AuthNegotiateUser local
    Require valid-user
</Location>
<Location /expression>
    AuthType Negotiate
    AuthName test
    AuthNegotiateAcceptor %{HTTP:X-Acceptor}
    Require valid-user
</Location>
CONF

my $server = server(conf => $conf)->start;

# --- helpers -----------------------------------------------------------------

sub token {
    my ($mech, %opt) = @_;
    my $gss = NegTest::Initiator->new(ccache => ccache('alice'), target => $service, mech => $mech, %opt);
    return $gss->authorization;
}

# A cache of one's own with the service's ticket in it.
sub ticket {
    my (%opt) = @_;
    my $ccache = kdc()->kinit('alice', %opt);
    kdc()->kvno($ccache, "HTTP/$host");
    return $ccache;
}

sub fetch {
    my ($on, $path, @headers) = @_;
    return http(port => $on->port)->get($path, @headers);
}

# One request, refused: the status, the code, one line in the log that has all
# the patterns, and the same sentence in the environment.
my %LEVEL = (401 => qr/warn|info/, 403 => qr/warn|info/, 500 => qr/error|info/);

sub refused {
    my ($name, $request, $status, $code, @patterns) = @_;
    my ($on, $path, @headers) = @$request;
    $on->log->mark;
    my $r    = fetch($on, $path, @headers);
    my @said = $on->log->wait_for(qr/Negotiate refused/);
    is $r->status, $status, "$name: $status";
    is $r->env->{NEGOTIATE_ERROR}, $code, '... NEGOTIATE_ERROR';
    my $text = $r->env->{NEGOTIATE_ERROR_TEXT} || '';
    my @missing = grep { $text !~ /$_/ } @patterns;
    is "@missing", '', '... the sentence for the page' or diag $text;
    ok @said == 1
      && $said[0] =~ /\[auth_negotiate:(?:$LEVEL{$status})\].* Negotiate refused \(\Q$code\E\): \Q$text\E(?: \[and \d+ more|$)/,
      '... is the one line in the log'
      or diag join "\n", $text, @said;
    return $r;
}

sub accepted {
    my ($name, @request) = @_;
    my $r = fetch(@request);
    return is($r->env->{REMOTE_USER}, 'alice@EXAMPLE.TEST', $name) || diag $r->status, ' ', $r->body;
}

# --- tokens that are used twice, too early, too late -------------------------

for my $mech (qw(spnego krb5)) {
    my $token = token($mech);
    accepted("$mech: a token", $server, '/x/env.pl', Authorization => $token);
    refused("$mech: again", [ $server, '/x/env.pl', Authorization => $token ], 401, 'replay',
        qr/has been used before by alice\@EXAMPLE\.TEST/);

    refused("$mech: a clock that is ahead",
        [ $server, '/x/env.pl', Authorization => token($mech, ccache => edit_ccache(ticket(), clock => 600)) ],
        401, 'skew', qr/clock of alice\@EXAMPLE\.TEST's machine is 10 minutes ahead/, qr/5 minutes are tolerated/,
        qr/NTP/);
    refused("$mech: a clock that is behind",
        [ $server, '/x/env.pl',
            Authorization => token($mech, ccache => edit_ccache(ticket(), clock => -5400, start => -7200)) ],
        401, 'skew', qr/is 90 minutes behind/);

    my $later = kdc()->kinit('alice', service => "HTTP/$host", start_time => '2h');
    refused("$mech: a postdated ticket",
        [ $server, '/x/env.pl', Authorization => token($mech, ccache => edit_ccache($later, start => -9000)) ],
        401, 'not-yet-valid', qr/not valid yet/, qr/postdated.*NTP/);
}

{
    my $tight = stage_dir() . '/kdc/explain.conf';
    kdc()->write_krb5_conf($tight, clockskew => 1);
    my $strict = server(conf => $conf, env => { KRB5_CONFIG => $tight })->start;
    my @short = map { ticket(lifetime => '2s') } 1 .. 2;
    sleep 4;
    for my $mech (qw(spnego krb5)) {
        refused("$mech: an ended ticket",
            [ $strict, '/x/env.pl', Authorization => token($mech, ccache => edit_ccache(shift @short, end => 3600)) ],
            401, 'expired', qr/ticket of alice\@EXAMPLE\.TEST ended [1-9] seconds ago/, qr/kinit/);
        refused("$mech: clockskew of krb5.conf is obeyed, and told",
            [ $strict, '/x/env.pl', Authorization => token($mech, ccache => edit_ccache(ticket(), clock => 30)) ],
            401, 'skew', qr/is (?:29|30) seconds ahead/, qr/1 seconds are tolerated/);
    }
    $strict->stop;
}

# --- keys --------------------------------------------------------------------

for my $mech (qw(spnego krb5)) {
    write_keytab($keytab, @keys);
    refused("$mech: a ticket for another name",
        [ $server, '/x/env.pl', Authorization => token($mech, target => 'HTTP@stranger.example.test') ],
        401, 'no-key', qr{for HTTP/stranger\.example\.test\@EXAMPLE\.TEST}, qr/has no key of that name/,
        qr{it has HTTP/\Q$host\E\@EXAMPLE\.TEST, host/\Q$host\E\@EXAMPLE\.TEST}, qr/kadmin ktadd.*setspn/);
    refused("$mech: a ticket for another service",
        [ $server, '/x/env.pl', Authorization => token($mech, target => "host\@$host") ],
        401, 'wrong-service', qr{for host/\Q$host\E\@EXAMPLE\.TEST, whose key is in the keytab},
        qr/AuthNegotiateAcceptor HTTP does not accept/);

    write_keytab($keytab, grep { $_->{enctype} == AES128 } @keys);
    refused("$mech: the ticket's enctype is not in the keytab", [ $server, '/x/env.pl', Authorization => token($mech) ],
        401, 'enctype', qr/encrypted with aes256-cts\S*/, qr/has that key as aes128-cts\S* only/,
        qr/msDS-SupportedEncryptionTypes/);

    write_keytab($keytab, map { { %$_, key => ~$_->{key} } } @keys);
    refused("$mech: another key under the same number", [ $server, '/x/env.pl', Authorization => token($mech) ],
        401, 'wrong-key', qr{the key of HTTP/\Q$host\E\@EXAMPLE\.TEST in the keytab .* does not open}, qr/setspn -X/);

    write_keytab($keytab, map { { %$_, kvno => 7, key => ~$_->{key} } } @keys);
    refused("$mech: an older ticket than the keytab", [ $server, '/x/env.pl', Authorization => token($mech) ],
        401, 'kvno', qr/made with key version 1, and the keytab \S+ has version 7\b/,
        qr/export it again.*logs in again/);

    write_keytab($keytab, (map { { %$_, kvno => 7, key => ~$_->{key} } } @keys), @keys);
    accepted("$mech: the right key beside others, without a restart", $server, '/x/env.pl',
        Authorization => token($mech));
}

# A rotation, as it goes: the KDC's key first, then the keytab; whoever still has
# an old ticket is let in for as long as the old key stays.
{
    write_keytab($keytab, @keys);
    my $old = ticket();
    kdc()->change_key("HTTP/$host");
    my $new = ticket();
    accepted('rotation: an old ticket', $server, '/x/env.pl', Authorization => token('spnego', ccache => $old));
    refused('rotation: a new ticket, and the keytab is stale',
        [ $server, '/x/env.pl', Authorization => token('spnego', ccache => $new) ],
        401, 'kvno', qr/made with key version 2, and the keytab \S+ has version 1\b/);

    kdc()->add_to_keytab(keytab('explain-new'), "HTTP/$host");
    my @new_keys = read_keytab(keytab('explain-new'));
    write_keytab($keytab, @keys, @new_keys);
    accepted("rotation: with both keys $_->[0]", $server, '/x/env.pl',
        Authorization => token('spnego', ccache => $_->[1])) for [ 'the old ticket', $old ], [ 'the new one', $new ];

    write_keytab($keytab, @new_keys, grep { $_->{principal} =~ /^host/ } @keys);
    accepted('rotation: with the new key alone', $server, '/x/env.pl', Authorization => token('spnego', ccache => $new));
    refused('rotation: and an old ticket', [ $server, '/x/env.pl', Authorization => token('spnego', ccache => $old) ],
        401, 'kvno', qr/made with key version 1, and the keytab \S+ has version 2\b/, qr/klist purge/);
    @keys = read_keytab($keytab);
}

# --- a keytab that breaks while the server runs ------------------------------

my $fresh = ticket();    # of the key that is there now

sub breaks {
    my ($name, $break, @patterns) = @_;
    for my $mech (qw(spnego krb5)) {
        write_keytab($keytab, @keys);
        accepted("$mech: before: $name", $server, '/x/env.pl', Authorization => token($mech, ccache => $fresh));
        $break->();
        my $r = refused("$mech: $name", [ $server, '/x/env.pl', Authorization => token($mech, ccache => $fresh) ],
            500, 'keytab', @patterns);
        is scalar $r->challenges, 0, '... nobody is asked for a password';
        write_keytab($keytab, @keys);
        accepted('... repaired, and it works again', $server, '/x/env.pl',
            Authorization => token($mech, ccache => $fresh));
    }
    return;
}

sub cut {
    my ($size) = @_;
    truncate $keytab, $size or die "$keytab: $!";
    return;
}

breaks('the keytab is deleted', sub { unlink $keytab }, qr/keytab FILE:\Q$keytab\E cannot be used.*not found.*AuthNegotiateKeytab, best in one line for the whole server.*httpd -t/);
breaks('the keytab is empty', sub { cut(0) }, qr/keytab FILE:\Q$keytab\E cannot be used/);
breaks('the keytab has a header and no key', sub { cut(2) }, qr/no key in the keytab \S+ may accept/, qr/keys of nobody/);
breaks('the keytab ends in its first key', sub { cut(40) }, qr/keytab/);
breaks('the keytab has other keys only', sub { write_keytab($keytab, grep { $_->{principal} =~ /^host/ } @keys) },
    qr/no key in the keytab/, qr{keys of host/\Q$host\E});
breaks('the keytab cannot be read any more',
    sub { chown 0, 0, $keytab if $root; chmod $root ? 0600 : 0, $keytab }, qr/cannot be used.*Permission denied.*httpd -t/i);

# The same from the first request on, when there is no credential yet.
{
    my $late = server(conf => $conf)->start;
    unlink $keytab;
    refused('no keytab at the first token', [ $late, '/x/env.pl', Authorization => token('spnego', ccache => $fresh) ],
        500, 'keytab', qr/keytab FILE:\Q$keytab\E cannot be used.*not found.*AuthNegotiateKeytab, best in one line for the whole server.*httpd -t/);
    like +($late->log->ours(qr/refused/))[0], qr/auth_negotiate:error/, '... an error';
    write_keytab($keytab, @keys);
    accepted('... which ends when it comes', $late, '/x/env.pl', Authorization => token('spnego', ccache => $fresh));
    $late->stop;
}

# --- the replay cache --------------------------------------------------------

for my $case ([ 'is missing', '/nonexistent', qr/No such file/ ],
    [ 'is not writable', stage_dir() . '/start-rcache', qr/Permission denied/ ]) {
    my ($what, $dir, $why) = @$case;
    if ($dir ne '/nonexistent') { mkdir $dir; chmod 0555, $dir }
    my $broken = server(conf => $conf, env => { KRB5RCACHEDIR => $dir })->start;
    for my $mech (qw(spnego krb5)) {
        my $r = refused("$mech: the replay cache's directory $what",
            [ $broken, '/x/env.pl', Authorization => token($mech, ccache => $fresh) ],
            500, 'internal', $why, qr/replay cache.*writable for the server's user/);
    }
    $broken->stop;
}

# --- what is no Kerberos token -----------------------------------------------

my $ntlm = "NTLMSSP\0" . pack 'VV', 1, 0xe2088297;

for my $case ([ 'bare', $ntlm ], [ 'within SPNEGO', neg_token_init(mechs => [NTLMSSP], token => $ntlm) ]) {
    refused("NTLM, $case->[0]", [ $server, '/x/env.pl', Authorization => negotiate($case->[1]) ],
        401, 'ntlm', qr/sent NTLM/, qr/no Kerberos ticket.*setspn -Q.*IP address.*intranet/);
}
refused('a mechanism that nobody has', [ $server, '/x/env.pl', Authorization => negotiate(neg_token_init(mechs => [UNKNOWN])) ],
    401, 'mechanism', qr/no mechanism that is accepted here/, qr/AuthNegotiateMechs krb5/);
refused('junk', [ $server, '/x/env.pl', Authorization => negotiate('junk') ], 401, 'malformed', qr/token cannot be read/);
refused('what is not base64', [ $server, '/x/env.pl', Authorization => 'Negotiate ***' ], 401, 'malformed');
refused('no token', [ $server, '/x/env.pl', Authorization => 'Negotiate' ], 401, 'malformed');
refused('another scheme', [ $server, '/x/env.pl', Authorization => 'Basic YTpi' ], 401, 'scheme', qr/scheme Basic/);
refused('two headers', [ $server, '/x/env.pl', Authorization => token('krb5', ccache => $fresh), Authorization => 'Basic YTpi' ],
    401, 'duplicate');
refused('a later leg without a first', [ $server, '/x/env.pl', Authorization => negotiate(neg_token_resp(token => 'x')) ],
    401, 'continuation', qr/this connection has not begun/);

# --- good tokens, and a policy -----------------------------------------------

refused('without TLS', [ $server, '/tls/env.pl', Authorization => token('spnego', ccache => $fresh) ], 403, 'tls',
    qr/RequireTLS is On/, qr{redirect http://});
refused('a user without a local name',
    [ $server, '/local/env.pl', Authorization => token('spnego', ccache => ccache('carol@OTHER.TEST')) ],
    403, 'name', qr/^carol\@OTHER\.TEST has no user name here/, qr/auth_to_local/);
{
    my $config = $server->dir . '/krb5.conf';
    kdc()->write_krb5_conf($config);
    my $changed = server(conf => $conf, env => { KRB5_CONFIG => $config })->start;
    { local (@ARGV, $^I) = ($config); local $^I = ''; while (<>) { print if !/default_realm/ } }
    refused('a krb5.conf whose default_realm is gone',
        [ $changed, '/local/env.pl', Authorization => token('spnego', ccache => $fresh) ],
        500, 'no-kdc', qr/krb5\.conf is missing or has no default_realm, which AuthNegotiateUser local needs/);
    $changed->stop;
}
refused('a client that may not be offered Negotiate', [ $server, '/x/env.pl', 'User-Agent' => 'never' ], 403, 'no-scheme',
    qr/no-negotiate/);
refused('an expression that gives no acceptor', [ $server, '/expression/env.pl', Authorization => token('spnego', ccache => $fresh) ],
    500, 'internal', qr/expression of AuthNegotiateAcceptor gives no name/);

refused("an expression that gives $_, which is no acceptor",
    [ $server, '/expression/env.pl', 'X-Acceptor' => $_, Authorization => token('spnego', ccache => $fresh) ],
    500, 'internal', qr/expression of AuthNegotiateAcceptor gives no name: for this request it is "\Q$_\E"/)
  for 'HTTP@', '@localhost', 'host', 'HTTP@localhost@', 'HTTP/localhost@EXAMPLE.TEST';
refused('an expression that gives a name without a key',
    [ $server, '/expression/env.pl', 'X-Acceptor' => 'HTTP@nobody.example.test', Authorization => token('spnego', ccache => $fresh) ],
    401, 'no-key', qr/no key in the keytab .* may accept for AuthNegotiateAcceptor HTTP\@nobody\.example\.test/);
accepted("an expression that gives $_", $server, '/expression/env.pl', 'X-Acceptor' => $_,
    Authorization => token('spnego', ccache => $fresh)) for 'HTTP', 'any', "HTTP\@$host";

# --- how often ---------------------------------------------------------------

{
    $server->stop;
    my $quiet = server(conf => $conf)->start;
    my $token = token('spnego', ccache => $fresh);
    accepted('a new server', $quiet, '/x/env.pl', Authorization => $token);
    $quiet->log->mark;
    fetch($quiet, '/x/env.pl', Authorization => $token) for 1 .. 5;
    fetch($quiet, '/x/env.pl', Authorization => negotiate($ntlm)) for 1 .. 3;
    fetch($quiet, '/x/env.pl');
    unlink $keytab;
    fetch($quiet, '/x/env.pl', Authorization => token('spnego', ccache => $fresh)) for 1 .. 2;
    write_keytab($keytab, @keys);
    my %seen;
    /auth_negotiate:(\w+)\].*refused \(([\w-]+)\)/ && $seen{"$2 $1"}++ for $quiet->log->ours;
    is_deeply \%seen,
      { 'replay warn' => 1, 'replay info' => 4, 'ntlm warn' => 1, 'ntlm info' => 2,
        'keytab error' => 1, 'keytab info' => 1 },
      'each cause is told once, what follows within a minute is INFO';
    is_deeply [ $quiet->log->ours(qr/:(?:warn|error)\].*more of this kind/) ], [], '... without a count yet';
  SKIP: {
        skip 'waits more than a minute: set NEG_SLOW=1', 1 if !$ENV{NEG_SLOW};
        sleep 61;
        fetch($quiet, '/x/env.pl', Authorization => $token);
        my @again = $quiet->log->wait_for(qr/:warn\].*refused \(replay\).*\[and 4 more of this kind/);
        is scalar @again, 1, '... and told again after a minute, with the count';
    }
    unlike $quiet->log->text, qr/\Q@{[ substr $token, 10, 60 ]}\E/, 'no token is ever logged';
    $quiet->stop;

    my $calm = server(conf => "$conf\nLogLevel warn\n")->start;
    $calm->log->mark;
    fetch($calm, '/x/env.pl') for 1 .. 3;
    accepted('LogLevel warn: a good token', $calm, '/x/env.pl', Authorization => token('spnego', ccache => $fresh));
    is_deeply [ $calm->log->ours ], [], '... and first visits leave no line';
    $calm->stop;
}

done_testing;
