# Whose ticket a client delegates, and for which service a ticket really is: both have a name that
# the client can write as it likes.

use strict;
use warnings;

use Apache::Test qw(-withtestmore);
use NegTest;
use NegTest::Pac 'mint';
use NegTest::Process 'run_ok';
use NegTest::Stage;

plan tests => 47;

my $realm   = 'EXAMPLE.TEST';
my $dir     = stage_dir() . '/service';
my $tickets = "$dir/tickets";
mkdir $_ for $dir, $tickets;
chmod 0711, $dir;
NegTest::Stage->give_to_httpd($tickets, 0700);

# Everything that was delegated is passed to a backend that this listener plays: it has to be silent.
my $section = sub {
    my ($path, @lines) = @_;
    return join "\n", "<Location $path>", 'AuthType Negotiate', 'AuthName test', @lines, 'Require valid-user', "</Location>\n";
};
my $server = server(conf => join '', map { "$_\n" } 'PassEnv KRB5_CONFIG', 'ScriptAliasMatch "env\\.pl$" "@stage@/cgi-bin/env.pl"',
    'ErrorDocument 401 /open/env.pl', 'ErrorDocument 403 /open/env.pl', 'ErrorDocument 500 /open/env.pl',
    'AuthNegotiateKeytab @keytab@',
    $section->('/file', "AuthNegotiateDelegate FILE:$tickets"),
    $section->('/kept', "AuthNegotiateDelegate FILE:$tickets", 'AuthNegotiatePersist On'),
    $section->('/session', "AuthNegotiateDelegate FILE:$tickets", 'AuthNegotiateSession On'),
    $section->('/memory', 'AuthNegotiateProxyService HTTP@localhost'),
    $section->('/optional', 'AuthNegotiateProxyService HTTP@localhost optional'),
    $section->('/none'),
    $section->('/withdrawn', "AuthNegotiateDelegate FILE:$tickets", 'ErrorDocument 403 /none/env.pl'),
    'SetEnvIf X-Say (.+) NEGOTIATE_SID=$1 NEGOTIATE_GROUPS=$1 NEGOTIATE_REALM=$1 INDICATOR=$1',
    $section->('/shown', 'AuthNegotiateAttribute INDICATOR auth-indicators'),
    $section->('/any',  'AuthNegotiateAcceptor any'),
    $section->('/http', 'AuthNegotiateAcceptor HTTP@localhost'))->start;

sub connection { return http(port => $server->port) }
sub files { my @all = glob "$tickets/*"; return @all }

# --- a delegated ticket in another name ------------------------------------------

sub forward {
    my ($user, $name) = @_;
    return negotiate(pack 'H*', run_ok([ $ENV{NEG_FORWARD}, ccache($user), "HTTP/localhost\@$realm", $name ]));
}

for my $path (qw(/file /kept /session /memory /optional)) {
    for my $name ("alice\@$realm", "bob\@OTHER.TEST", "BOB\@$realm", "bob/admin\@$realm") {
        my $http = connection();
        my $r    = $http->get("$path/env.pl", Authorization => forward('bob', $name));
        is_deeply [ $r->status, $r->env->{NEGOTIATE_ERROR}, $r->env->{KRB5CCNAME}, scalar files() ], [ 403, 'delegated-name', undef, 0 ],
          "$path: bob delegates his ticket with the name $name on it" or diag $r->body;
        next if $path ne '/kept';
        is $http->get("$path/env.pl")->status, 401, '... and the connection knows nobody';
    }
}
ok $server->log->wait_for(qr/refused \(delegated-name\): bob\@EXAMPLE\.TEST delegates a ticket that says it is of alice\@EXAMPLE\.TEST\..*kinit/),
  'the log says whose name it has';
is connection()->get('/none/env.pl', Authorization => forward('bob', "alice\@$realm"))->env->{REMOTE_USER}, "bob\@$realm",
  'where nothing is delegated, the name is no matter';

for my $path (qw(/file /kept)) {
    my $http = connection();
    my $r    = $http->get("$path/env.pl", Authorization => forward('bob', "bob\@$realm"));
    is_deeply [ $r->status, $r->env->{REMOTE_USER} ], [ 200, "bob\@$realm" ], "$path: in bob's own name";
    like $r->env->{KRB5CCNAME}, qr/^FILE:\Q$tickets\E/, '... there is a ccache';
    if ($path eq '/kept') {
        like run([ 'klist', '-c', $r->env->{KRB5CCNAME} ])->{output}, qr/^Default principal: bob\@EXAMPLE\.TEST$/m, '... which says that it is bob\'s';
    }
}

# What the token has proven is withdrawn with it: the error page is of another location.
{
    my $r = connection()->get('/withdrawn/env.pl', Authorization => forward('bob', "alice\@$realm"));
    is $r->status, 403, 'an error page of a location that would let bob in: 403';
    unlike $r->body, qr/^REMOTE_USER=/m, '... and does not know him';
}

# --- what others have set -----------------------------------------------------------

{
    my $r = connection()->get('/shown/env.pl', Authorization => initiator('alice')->authorization, 'X-Say' => 'S-1-5-21-1-2-3-500');
    is_deeply [ @{ $r->env }{qw(REMOTE_USER NEGOTIATE_REALM NEGOTIATE_SID NEGOTIATE_GROUPS INDICATOR)} ], [ "alice\@$realm", $realm, undef, undef, undef ],
      'variables of which the ticket has nothing are taken away, whoever has set them';
}

# --- a ticket whose outer name is another than that of its key -------------------

# The keytab has keys of HTTP/localhost, HTTP/www.example.test and host/localhost.
sub masked {
    my ($key, $outer) = @_;
    my $ccache = mint(ccache => "FILE:$dir/masked", keytab => keytab(), service => "$key\@$realm", client => "alice\@$realm", outer => "$outer\@$realm");
    return NegTest::Initiator->new(ccache => $ccache, target => "$outer\@$realm", mech => 'krb5')->authorization;
}

for my $case ([ 'host/localhost', 'HTTP/localhost' ], [ 'host/localhost', 'HTTP/www.example.test' ],
    [ 'HTTP/www.example.test', 'HTTP/localhost' ]) {
    my ($key, $outer) = @$case;
    for my $path ('/none', '/http') {
        my $r = connection()->get("$path/env.pl", Authorization => masked($key, $outer));
        next if $path eq '/none' && $key =~ /^HTTP/ && $r->status == 200;
        is_deeply [ $r->status, $r->env->{NEGOTIATE_ERROR} ], [ 401, 'wrong-service' ], "$path: a ticket for $key that says $outer";
        like $r->env->{NEGOTIATE_ERROR_TEXT}, $path eq '/http' && $outer !~ /localhost/ ? qr/is for \Q$outer\E\@.*does not accept with it here/
          : qr/says that it is for \Q$outer\E\@.* key of \Q$key\E\@/, '... which is told';
    }
}
is_deeply [ $server->log->crashes ], [], 'nobody died';
