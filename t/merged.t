# httpd merges sections when a request comes. What the start cannot know of that does not stop it: it
# warns where another section may say the rest. What no section can mend stops it.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use MIME::Base64 'encode_base64';
use NegTest;

my $tickets = qq{AuthNegotiateDelegate "FILE:\@stage\@/delegated"\nAuthNegotiateS4U2Proxy On HTTP\@back.example.test};
my $impersonate = location('/app', 'AuthNegotiateImpersonate On');

# A key that is not for HTTP.
kdc()->add_principal('host/merged.example.test');
kdc()->add_to_keytab(keytab('merged'), 'host/merged.example.test');
chmod 0644, keytab('merged');

my @may_be = (
    [ 'users\' tickets by a LocationMatch', $impersonate . match('^/app', $tickets), qr/AuthNegotiateImpersonate \(in \/app\b/ ],
    [ '... by an If', $impersonate . "<If \"true\">\n$tickets\n</If>\n", qr/AuthNegotiateImpersonate/ ],
    [ '... by a Directory', $impersonate . "<Directory \"/srv\">\n$tickets\n</Directory>\n", qr/AuthNegotiateImpersonate/ ],
    [ '... by a pattern', $impersonate . location('/a*', $tickets), qr/AuthNegotiateImpersonate/ ],
    [ '... by two of them', $impersonate . match('^/app', $tickets =~ s/.*\n//r) . location('/*', $tickets =~ s/\n.*//sr), qr/AuthNegotiateImpersonate/ ],
    [ '... by a section of a virtual host', $impersonate . "<VirtualHost 127.0.0.1:1>\n" . location('/', $tickets) . "</VirtualHost>\n", qr/AuthNegotiateImpersonate/ ],
    [ '... for a part of it', $impersonate . location('/app/part', $tickets), qr/AuthNegotiateImpersonate/ ],
    [ 'tickets without a place', location('/app', $tickets =~ s/.*\n//r) . match('^/app', $tickets =~ s/\n.*//sr), qr/AuthNegotiateS4U2Proxy/ ],
    [ 'NTLM without a name', location('/app', 'AuthNegotiateMechs ntlmssp', 'AuthNegotiateAcceptor any') . match('^/app', 'AuthNegotiateMechs krb5'), qr/AuthNegotiateAcceptor/ ],
    [ 'passwords and bindings', protected('/app', 'AuthNegotiateChannelBinding require', 'AuthNegotiateBasicProvider file') . match('^/app', 'AuthNegotiateChannelBinding optional'), qr/AuthNegotiateBasicProvider/ ],
    [ 'a keytab for another acceptor', protected('/app', 'AuthNegotiateKeytab "' . keytab('merged') . '"') . match('^/app', 'AuthNegotiateAcceptor any'), qr/AuthNegotiateAcceptor/ ],
    [ 'no replay cache, without TLS', "AuthNegotiateReplayCache none\n" . protected('/app', 'AuthNegotiateKeytab "@keytab@"') . match('^/app', 'AuthNegotiateRequireTLS On'), qr/AuthNegotiateReplayCache/ ],
);

my @cannot_be = (
    [ 'users\' tickets by nobody', $impersonate, qr/AuthNegotiateImpersonate On does not say/ ],
    [ '... by a neighbour', $impersonate . location('/other', $tickets), qr/AuthNegotiateImpersonate On does not say/ ],
    [ '... by another virtual host', join('', map { "<VirtualHost 127.0.0.1:$_->[0]>\n$_->[1]</VirtualHost>\n" } [ 1, $impersonate ], [ 2, match('^/app', $tickets) ]),
        qr/AuthNegotiateImpersonate On does not say/ ],
    [ '... by one that speaks of other things', $impersonate . match('^/app', 'AuthNegotiatePersist On'), qr/AuthNegotiateImpersonate On does not say/ ],
    [ 'NTLM without a name', location('/app', 'AuthNegotiateMechs ntlmssp', 'AuthNegotiateAcceptor any'), qr/AuthNegotiateAcceptor/ ],
    [ '... in spite of a part', location('/app', 'AuthNegotiateMechs ntlmssp', 'AuthNegotiateAcceptor any') . location('/app/part', 'AuthNegotiateMechs krb5'), qr/AuthNegotiateAcceptor/ ],
    [ 'passwords and bindings', protected('/app', 'AuthNegotiateChannelBinding require', 'AuthNegotiateBasicProvider file'), qr/AuthNegotiateBasicProvider/ ],
    [ 'a keytab for another acceptor', protected('/app', 'AuthNegotiateKeytab "' . keytab('merged') . '"'), qr/AuthNegotiateKeytab/ ],
    [ 'a keytab that cannot be read', protected('/app', 'AuthNegotiateKeytab "/nonexistent"') . match('^/other', 'AuthNegotiateKeytab "@keytab@"'), qr/does not exist/ ],
    [ 'no replay cache, without TLS', "AuthNegotiateReplayCache none\n" . protected('/app', 'AuthNegotiateKeytab "@keytab@"'), qr/AuthNegotiateReplayCache/ ],
);

my @complete = (
    [ 'inner and outer', $impersonate . location('/', $tickets) ],
    [ 'the whole server', $impersonate . $tickets . "\n" ],
);

plan tests => 2 * @may_be + 2 * @cannot_be + 2 * @complete + 5;

sub section { my ($kind, $what, @lines) = @_; return join "\n", "<$kind \"$what\">", @lines, "</$kind>", '' }
sub location { return section('Location', @_) }
sub match { return section('LocationMatch', @_) }
sub protected { my ($where, @lines) = @_; return location($where, 'AuthType Negotiate', 'AuthName "x"', 'Require valid-user', @lines) }

sub checked {
    my ($conf) = @_;
    my $r = server(conf => "$conf\n")->check;
    return ($r->{ok}, join "\n", grep { !/^AH00558/ } split /\n/, $r->{output});
}

for my $case (@may_be) {
    my ($what, $conf, $pattern) = @$case;
    my ($ok, $said) = checked($conf);
    ok $ok, "$what: starts" or diag $said;
    like $said, qr/$pattern.*This does not stop the start, since what \S+ \(\S+:\d+\) says/s, '... with a warning';
}
for my $case (@cannot_be) {
    my ($what, $conf, $pattern) = @$case;
    my ($ok, $said) = checked($conf);
    ok !$ok, "$what: does not start" or diag $said;
    like $said, $pattern, '... and says why';
}
for my $case (@complete) {
    my ($what, $conf) = @$case;
    my ($ok, $said) = checked($conf);
    ok $ok, "tickets that $what say: starts" or diag $said;
    unlike $said, qr/Impersonate/, '... without a word';
}

# What has started for what may be is refused where it is not.
my $server = server(conf => <<'CONF' . match('^/app/mended', 'AuthNegotiateChannelBinding optional') . match('^/(app|open)/', 'AuthNegotiateRequireTLS Off'))->start;
AliasMatch "^/.*/(plain\.txt)" "@stage@/htdocs/$1"
AuthNegotiateKeytab "@keytab@"
<Location "/app">
    AuthType Negotiate
    AuthName "x"
    AuthUserFile "@dir@/users"
    AuthNegotiateBasicProvider file
    AuthNegotiateChannelBinding require
    Require valid-user
</Location>
CONF
open my $users, '>', $server->dir . '/users' or die "users: $!\n";
print $users "anna:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\n";
close $users;
my $password = 'Basic ' . encode_base64('anna:secret', '');
sub get { my ($path, @headers) = @_; return http(port => $server->port)->get($path, @headers) }
is get('/app/mended/plain.txt', Authorization => $password)->status, 200, 'where another section permits it, a password';
is get('/app/plain.txt', Authorization => $password)->status, 401, '... and not elsewhere';
is get('/app/mended/plain.txt', Authorization => initiator('alice')->authorization)->status, 200, '... a token';
is get('/app/plain.txt', Authorization => initiator('alice')->authorization)->status, 401, '... which has to be bound elsewhere';
is_deeply [ $server->log->crashes ], [], 'nobody died';
